;; Takes a pair of u8.
(component
  (core module $m (func (export "f") (param i32 i32)))
  (core instance $m (instantiate $m))
  (func (export "f") (param "a" (tuple u8 u8)) (canon lift (core func $m "f"))))
