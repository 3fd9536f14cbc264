;; Imports from b.
(component
  (import "fb" (func))
  (core module $m (func (export "f")))
  (core instance $m (instantiate $m))
  (func $f (canon lift (core func $m "f")))
  (export "fa" (func $f)))
