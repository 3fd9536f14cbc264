;; Takes a stream in a function that nobody imports.
(component
  (core module $m (func (export "f")) (func (export "g") (param i32)))
  (core instance $m (instantiate $m))
  (func $f (canon lift (core func $m "f")))
  (func $g (param "a" (stream u8)) (canon lift (core func $m "g")))
  (instance $i (export "f" (func $f)) (export "g" (func $g)))
  (export "a:b/c@1.0.0" (instance $i)))
