;; Imports from pong.
(component
  (import "pong" (func))
  (core module $m (func (export "f")))
  (core instance $m (instantiate $m))
  (func $f (canon lift (core func $m "f")))
  (export "ping" (func $f)))
