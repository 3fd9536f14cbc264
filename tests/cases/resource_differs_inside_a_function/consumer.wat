;; Passes a folder.
(component
  (import "file" (type $file (sub resource)))
  (import "folder" (type $folder (sub resource)))
  (import "f" (func (param "x" (own $folder)))))
