;; Exports an interface with a record.
(component
  (core module $m (func (export "size") (param i32) (result i32) (local.get 0)))
  (core instance $m (instantiate $m))
  (type $point (record (field "x" u32)))
  (func $size (param "of" $point) (result u32) (canon lift (core func $m "size")))
  (component $api
    (type $point (record (field "x" u32)))
    (import "point" (type $point' (eq $point)))
    (import "size" (func $size (param "of" $point') (result u32)))
    (export $exported "point" (type $point'))
    (export "size" (func $size) (func (param "of" $exported) (result u32))))
  (instance $api (instantiate $api (with "point" (type $point)) (with "size" (func $size))))
  (export "a:b/shapes" (instance $api)))
