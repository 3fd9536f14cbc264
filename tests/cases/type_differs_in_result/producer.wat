;; Returns a u32.
(component
  (core module $m (func (export "f") (result i32) unreachable))
  (core instance $m (instantiate $m))
  (func (export "f") (result u32) (canon lift (core func $m "f"))))
