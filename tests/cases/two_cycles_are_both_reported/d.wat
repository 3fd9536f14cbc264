;; Imports from c.
(component
  (import "fc" (func))
  (core module $m (func (export "f")))
  (core instance $m (instantiate $m))
  (func $f (canon lift (core func $m "f")))
  (export "fd" (func $f)))
