;; Returns a future.
(component
  (core module $m (func (export "f") (result i32) unreachable))
  (core instance $m (instantiate $m))
  (func (export "f") (result (future u8)) (canon lift (core func $m "f"))))
