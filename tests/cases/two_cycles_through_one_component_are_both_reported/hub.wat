;; Imports from both others.
(component
  (import "left" (func))
  (import "right" (func))
  (core module $m (func (export "f")))
  (core instance $m (instantiate $m))
  (func $f (canon lift (core func $m "f")))
  (export "hub" (func $f)))
