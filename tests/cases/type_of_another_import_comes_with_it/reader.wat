;; `use a:b/files.{file}` of a world: imports the type once more by itself, and exports a function of it.
(component
  (import "a:b/files" (instance $files
    (export "file" (type $file (sub resource)))
    (export "[method]file.read" (func (param "self" (borrow $file)) (result u32)))))
  (alias export $files "file" (type $file))
  (import "file" (type $file' (eq $file)))
  (core func $read (canon lower (func $files "[method]file.read")))
  (core func $drop (canon resource.drop $file))
  (core module $m
    (import "" "read" (func $read (param i32) (result i32)))
    (import "" "drop" (func $drop (param i32)))
    (func (export "take") (param i32) (result i32)
      (call $read (local.get 0)) (call $drop (local.get 0))))
  (core instance $m (instantiate $m
    (with "" (instance (export "read" (func $read)) (export "drop" (func $drop))))))
  (func (export "take") (param "file" (own $file')) (result u32)
    (canon lift (core func $m "take"))))
