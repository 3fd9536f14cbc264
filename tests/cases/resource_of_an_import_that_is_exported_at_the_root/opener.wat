;; Exports the resource of its import at its root, under another name.
(component
  (import "a:b/files" (instance $files
    (export "file" (type $file (sub resource)))
    (export "[constructor]file" (func (result (own $file))))))
  (alias export $files "file" (type $file))
  (export $f "document" (type $file))
  (core func $make (canon lower (func $files "[constructor]file")))
  (core module $m (import "" "make" (func $make (result i32))) (func (export "make") (result i32) (call $make)))
  (core instance $m (instantiate $m (with "" (instance (export "make" (func $make))))))
  (func (export "open") (result (own $f)) (canon lift (core func $m "make"))))
