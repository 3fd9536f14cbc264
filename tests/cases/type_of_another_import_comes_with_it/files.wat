;; Exports an interface with a resource: its one file holds 5.
(component
  (core module $d
    (global $dropped (mut i32) (i32.const 0))
    (func (export "dtor") (param i32)
      (global.set $dropped (i32.add (global.get $dropped) (i32.const 1))))
    (func (export "dropped") (result i32) (global.get $dropped)))
  (core instance $d (instantiate $d))
  (type $file (resource (rep i32) (dtor (core func $d "dtor"))))
  (core func $new (canon resource.new $file))
  (core module $m
    (import "" "new" (func $new (param i32) (result i32)))
    (func (export "make") (result i32) (call $new (i32.const 5)))
    (func (export "read") (param i32) (result i32) (local.get 0)))
  (core instance $m (instantiate $m (with "" (instance (export "new" (func $new))))))
  (func $make (result (own $file)) (canon lift (core func $m "make")))
  (func $read (param "self" (borrow $file)) (result u32) (canon lift (core func $m "read")))
  (component $api
    (import "file" (type $file (sub resource)))
    (import "make" (func $make (result (own $file))))
    (import "read" (func $read (param "self" (borrow $file)) (result u32)))
    (export $exported "file" (type $file))
    (export "[constructor]file" (func $make) (func (result (own $exported))))
    (export "[method]file.read" (func $read)
      (func (param "self" (borrow $exported)) (result u32))))
  (instance $api (instantiate $api
    (with "file" (type $file)) (with "make" (func $make)) (with "read" (func $read))))
  (export "a:b/files" (instance $api))
  (func (export "dropped") (result u32) (canon lift (core func $d "dropped"))))
