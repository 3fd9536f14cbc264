;; Imports from inside, and exports to inside.
(component
  (import "one" (func))
  (core module $m (func (export "f")))
  (core instance $m (instantiate $m))
  (func $f (canon lift (core func $m "f")))
  (export "two" (func $f)))
