;; Imports from a.
(component
  (import "fa" (func))
  (core module $m (func (export "f")))
  (core instance $m (instantiate $m))
  (func $f (canon lift (core func $m "f")))
  (export "fb" (func $f)))
