;; Imports the record by itself too, and exports a function of it.
(component
  (import "a:b/shapes" (instance $shapes
    (type $point (record (field "x" u32)))
    (export "point" (type $point' (eq $point)))
    (export "size" (func (param "of" $point') (result u32)))))
  (alias export $shapes "point" (type $point))
  (import "point" (type $point' (eq $point)))
  (core func $size (canon lower (func $shapes "size")))
  (core module $m
    (import "" "size" (func $size (param i32) (result i32)))
    (func (export "twice") (param i32) (result i32)
      (i32.add (call $size (local.get 0)) (call $size (local.get 0)))))
  (core instance $m (instantiate $m (with "" (instance (export "size" (func $size))))))
  (func (export "twice") (param "of" $point') (result u32) (canon lift (core func $m "twice"))))
