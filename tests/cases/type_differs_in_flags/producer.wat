;; Knows two flags.
(component
  (type $t (flags "read" "write"))
  (core module $m (func (export "f") (param i32)))
  (core instance $m (instantiate $m))
  (export $named "rights" (type $t))
  (func $f (param "p" $named) (canon lift (core func $m "f")))
  (instance $i (export "rights" (type $named)) (export "f" (func $f)))
  (export "a:b/c@1.0.0" (instance $i)))
