;; Has `f` and `g`.
(component
  (core module $m (func (export "f") (param i32)))
  (core instance $m (instantiate $m))
  (func $f (param "a" u32) (canon lift (core func $m "f")))
  (instance $i (export "f" (func $f)) (export "g" (func $f)))
  (export "a:b/c" (instance $i)))
