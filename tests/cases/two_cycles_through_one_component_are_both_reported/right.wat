;; Imports from the hub.
(component
  (import "hub" (func))
  (core module $m (func (export "f")))
  (core instance $m (instantiate $m))
  (func $f (canon lift (core func $m "f")))
  (export "right" (func $f)))
