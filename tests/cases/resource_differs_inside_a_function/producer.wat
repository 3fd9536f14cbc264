;; Its function takes a file.
(component
  (type $file' (resource (rep i32)))
  (type $folder' (resource (rep i32)))
  (core module $m (func (export "f") (param i32)))
  (core instance $m (instantiate $m))
  (export $file "file" (type $file'))
  (export $folder "folder" (type $folder'))
  (func (export "f") (param "x" (own $file)) (canon lift (core func $m "f"))))
