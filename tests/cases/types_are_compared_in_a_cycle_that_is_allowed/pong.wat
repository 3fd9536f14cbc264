;; Imports with another type than ping exports.
(component
  (import "ping" (func (param "a" u32)))
  (core module $m (func (export "f")))
  (core instance $m (instantiate $m))
  (func $f (canon lift (core func $m "f")))
  (export "pong" (func $f)))
