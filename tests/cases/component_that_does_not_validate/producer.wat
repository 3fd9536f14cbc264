;; Lifts a function of another type.
(component
  (core module $m (func (export "f")))
  (core instance $m (instantiate $m))
  (func (export "f") (param "a" u32) (canon lift (core func $m "f"))))
