;; Is hinted at, and offers two compatible versions.
(component
  (core module $m (func (export "f")))
  (core instance $m (instantiate $m))
  (func $f (canon lift (core func $m "f")))
  (instance $i (export "f" (func $f)))
  (export "a:b/c@1.2.0" (instance $i))
  (export "a:b/c@1.3.0" (instance $i)))
