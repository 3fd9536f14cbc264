;; Has a function with a handle of the host, and one without.
(component
  (import "a:b/types" (instance $types (export "file" (type (sub resource)))))
  (alias export $types "file" (type $file))
  (core module $m (func (export "f") (param i32)) (func (export "g")))
  (core instance $m (instantiate $m))
  (func $f (param "x" (own $file)) (canon lift (core func $m "f")))
  (func $g (canon lift (core func $m "g")))
  (component $api
    (import "file" (type $file (sub resource)))
    (import "f" (func $f (param "x" (own $file))))
    (import "g" (func $g))
    (export $own "file" (type $file))
    (export "f" (func $f) (func (param "x" (own $own))))
    (export "g" (func $g)))
  (instance $api
    (instantiate $api (with "file" (type $file)) (with "f" (func $f)) (with "g" (func $g))))
  (export "a:b/api" (instance $api)))
