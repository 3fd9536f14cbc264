;; Imports from d.
(component
  (import "fd" (func))
  (core module $m (func (export "f")))
  (core instance $m (instantiate $m))
  (func $f (canon lift (core func $m "f")))
  (export "fc" (func $f)))
