;; Knows red and green.
(component
  (type $t (enum "red" "green"))
  (core module $m (func (export "f") (param i32)))
  (core instance $m (instantiate $m))
  (export $named "color" (type $t))
  (func $f (param "p" $named) (canon lift (core func $m "f")))
  (instance $i (export "color" (type $named)) (export "f" (func $f)))
  (export "a:b/c@1.0.0" (instance $i)))
