;; Only `first` passes both.
(component
  (core module $m (func (export "f")))
  (core instance $m (instantiate $m))
  (func $f (canon lift (core func $m "f")))
  (export "first" (func $f))
  (export "second" (func $f))
  (export "third" (func $f)))
