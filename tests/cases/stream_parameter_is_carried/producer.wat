;; Takes a stream.
(component
  (core module $m (func (export "f") (param i32)))
  (core instance $m (instantiate $m))
  (func (export "f") (param "a" (stream u8)) (canon lift (core func $m "f"))))
