;; Imports from ping.
(component
  (import "ping" (func))
  (core module $m (func (export "f")))
  (core instance $m (instantiate $m))
  (func $f (canon lift (core func $m "f")))
  (export "pong" (func $f)))
