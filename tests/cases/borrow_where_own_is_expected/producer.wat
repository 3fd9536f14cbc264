;; Borrows the file.
(component
  (type $file' (resource (rep i32)))
  (core module $m (func (export "f") (param i32)))
  (core instance $m (instantiate $m))
  (export $file "file" (type $file'))
  (func (export "f") (param "x" (borrow $file)) (canon lift (core func $m "f"))))
