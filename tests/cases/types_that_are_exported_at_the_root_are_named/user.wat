;; Imports such a function with its types, and exports one of them in its turn.
(component
  (type $color (enum "red" "green"))
  (import "color" (type $color' (eq $color)))
  (type $shape (variant (case "dot") (case "disc" $color')))
  (import "shape" (type $shape' (eq $shape)))
  (import "draw" (func $draw (param "it" $shape') (result u32)))
  (core func $draw (canon lower (func $draw)))
  (core module $m
    (import "" "draw" (func $draw (param i32 i32) (result i32)))
    (func (export "both") (param i32 i32) (result i32)
      (i32.add (call $draw (local.get 0) (local.get 1)) (call $draw (i32.const 1) (i32.const 1)))))
  (core instance $m (instantiate $m (with "" (instance (export "draw" (func $draw))))))
  (func (export "both") (param "it" $shape') (result u32) (canon lift (core func $m "both"))))
