;; Exports an instance in an instance.
(component
  (core module $m (func (export "f") (param i32)))
  (core instance $m (instantiate $m))
  (func $f (param "a" u32) (canon lift (core func $m "f")))
  (instance $inner (export "f" (func $f)))
  (instance $outer (export "inner" (instance $inner)))
  (export "a:b/c" (instance $outer)))
