;; One of two that offer the same name, with another type.
(component
  (core module $m (func (export "f") (param i32)))
  (core instance $m (instantiate $m))
  (func (export "add") (param "n" u32) (canon lift (core func $m "f"))))
