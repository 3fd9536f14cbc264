;; Exports a resource at its root.
(component
  (type $brush (resource (rep i32)))
  (export $brush' "brush" (type $brush))
  (core func $new (canon resource.new $brush))
  (core module $m
    (import "" "new" (func $new (param i32) (result i32)))
    (func (export "make") (result i32) (call $new (i32.const 7)))
    (func (export "width") (param i32) (result i32) (local.get 0)))
  (core instance $m (instantiate $m (with "" (instance (export "new" (func $new))))))
  (func (export "make") (result (own $brush')) (canon lift (core func $m "make")))
  (func (export "width") (param "of" (borrow $brush')) (result u32) (canon lift (core func $m "width"))))
