;; Is trusted.
(component
  (core module $m (func (export "f")))
  (core instance $m (instantiate $m))
  (func $f (canon lift (core func $m "f")))
  (instance $i (export "f" (func $f)))
  (export "a:b/c@1.0.0" (instance $i)))
