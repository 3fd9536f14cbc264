;; Is the end of the chain.
(component
  (import "two" (func))
  (core module $m (func (export "f")))
  (core instance $m (instantiate $m))
  (func $f (canon lift (core func $m "f")))
  (export "three" (func $f)))
