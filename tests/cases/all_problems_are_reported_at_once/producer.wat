;; Offers another type than is imported.
(component
  (core module $m (func (export "f") (param i32)))
  (core instance $m (instantiate $m))
  (func (export "f") (param "a" u32) (canon lift (core func $m "f"))))
