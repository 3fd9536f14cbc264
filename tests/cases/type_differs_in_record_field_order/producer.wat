;; Its fields are `x`, `y`.
(component
  (type $t (record (field "x" u32) (field "y" u32)))
  (core module $m (func (export "f") (param i32 i32)))
  (core instance $m (instantiate $m))
  (export $named "point" (type $t))
  (func $f (param "p" $named) (canon lift (core func $m "f")))
  (instance $i (export "point" (type $named)) (export "f" (func $f)))
  (export "a:b/c@1.0.0" (instance $i)))
