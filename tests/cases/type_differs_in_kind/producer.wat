;; Its thing is a record.
(component
  (type $t (record (field "x" u32)))
  (core module $m (func (export "f") (param i32)))
  (core instance $m (instantiate $m))
  (export $named "thing" (type $t))
  (func $f (param "p" $named) (canon lift (core func $m "f")))
  (instance $i (export "thing" (type $named)) (export "f" (func $f)))
  (export "a:b/c@1.0.0" (instance $i)))
