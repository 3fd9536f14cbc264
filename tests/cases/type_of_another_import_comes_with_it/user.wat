;; Imports the resource by itself too, under another name, and that name once more.
(component
  (import "a:b/files" (instance $files
    (export "file" (type $file (sub resource)))
    (export "[constructor]file" (func (result (own $file))))))
  (alias export $files "file" (type $file))
  (import "document" (type $document (eq $file)))
  (import "page" (type $page (eq $document)))
  (import "take" (func $take (param "file" (own $page)) (result u32)))
  (core func $make (canon lower (func $files "[constructor]file")))
  (core func $take (canon lower (func $take)))
  (core module $m
    (import "" "make" (func $make (result i32)))
    (import "" "take" (func $take (param i32) (result i32)))
    (func (export "run") (result i32) (call $take (call $make))))
  (core instance $m (instantiate $m
    (with "" (instance (export "make" (func $make)) (export "take" (func $take))))))
  (func (export "run") (result u32) (canon lift (core func $m "run"))))
