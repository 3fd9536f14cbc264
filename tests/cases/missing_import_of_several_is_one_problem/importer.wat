;; Imports what nobody exports: an interface, of the host's too, and a function.
(component
  (import "a:b/log" (instance (export "info" (func)) (export "warn" (func))))
  (import "wasi:http/types@0.2.0" (instance (export "f" (func))))
  (import "wasi:cli/stdout@0.2.0" (instance (export "f" (func))))
  (import "tick" (func)))
