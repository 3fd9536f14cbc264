;; Takes a number.
(component
  (type $file (resource (rep i32)))
  (core module $m (func (export "f") (param i32)))
  (core instance $m (instantiate $m))
  (export "file" (type $file))
  (func (export "f") (param "x" u32) (canon lift (core func $m "f"))))
