;; Takes an optional stream.
(component
  (core module $m (func (export "f") (param i32 i32 i32)))
  (core instance $m (instantiate $m))
  (func (export "f") (param "a" (option (tuple u8 (stream)))) (canon lift (core func $m "f"))))
