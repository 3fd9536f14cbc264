;; Its disc has a u32.
(component
  (type $t (variant (case "dot") (case "disc" u32)))
  (core module $m (func (export "f") (param i32 i32)))
  (core instance $m (instantiate $m))
  (export $named "shape" (type $t))
  (func $f (param "p" $named) (canon lift (core func $m "f")))
  (instance $i (export "shape" (type $named)) (export "f" (func $f)))
  (export "a:b/c@1.0.0" (instance $i)))
