;; Takes an optional u8.
(component
  (core module $m (func (export "f") (param i32 i32)))
  (core instance $m (instantiate $m))
  (func (export "f") (param "a" (option u8)) (canon lift (core func $m "f"))))
