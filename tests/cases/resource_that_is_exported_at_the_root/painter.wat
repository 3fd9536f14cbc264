;; Imports a resource and functions of it at its root.
(component
  (import "brush" (type $brush (sub resource)))
  (import "make" (func $make (result (own $brush))))
  (import "width" (func $width (param "of" (borrow $brush)) (result u32)))
  (core func $make (canon lower (func $make)))
  (core func $width (canon lower (func $width)))
  (core module $m
    (import "" "make" (func $make (result i32)))
    (import "" "width" (func $width (param i32) (result i32)))
    (func (export "run") (result i32) (call $width (call $make)))
    (func (export "id") (param i32) (result i32) (local.get 0)))
  (core instance $m (instantiate $m (with "" (instance (export "make" (func $make)) (export "width" (func $width))))))
  (func (export "back") (param "it" (own $brush)) (result (own $brush)) (canon lift (core func $m "id")))
  (func (export "run") (result u32) (canon lift (core func $m "run"))))
