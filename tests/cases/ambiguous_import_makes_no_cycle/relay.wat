;; Imports and exports the same; the first is not decided.
(component
  (import "add" (func))
  (core module $m (func (export "f")))
  (core instance $m (instantiate $m))
  (func $f (canon lift (core func $m "f")))
  (export "add" (func $f)))
