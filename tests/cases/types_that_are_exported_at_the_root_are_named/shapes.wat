;; Exports types at its root, one of which holds another, a resource, and functions of them.
(component
  (type $color (enum "red" "green"))
  (export $color' "color" (type $color))
  (type $shape (variant (case "dot") (case "disc" $color')))
  (export $shape' "shape" (type $shape))
  (type $brush (resource (rep i32)))
  (export $brush' "brush" (type $brush))
  (core func $new (canon resource.new $brush))
  (core module $m
    (import "" "new" (func $new (param i32) (result i32)))
    (func (export "sum") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
    (func (export "make") (result i32) (call $new (i32.const 7))))
  (core instance $m (instantiate $m (with "" (instance (export "new" (func $new))))))
  (func (export "draw") (param "it" $shape') (result u32) (canon lift (core func $m "sum")))
  (func (export "make") (result (own $brush')) (canon lift (core func $m "make"))))
