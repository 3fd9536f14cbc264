;; Offers more in the interface than is asked for.
(component
  (core module $m (func (export "f")))
  (core instance $m (instantiate $m))
  (func $f (canon lift (core func $m "f")))
  (instance $i (export "f" (func $f)) (export "g" (func $f)) (export "h" (func $f)))
  (export "a:b/c" (instance $i)))
