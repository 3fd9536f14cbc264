;; Passes a handle.
(component
  (import "file" (type $file (sub resource)))
  (import "f" (func (param "x" (own $file)))))
