;; Is hinted at, and offers something else.
(component
  (core module $m (func (export "f")))
  (core instance $m (instantiate $m))
  (func $f (canon lift (core func $m "f")))
  (export "subtract" (func $f)))
