;; Defines a resource of its own, whose interface is hidden.
(component
  (type $file' (resource (rep i32)))
  (component $types (import "file" (type $file (sub resource))) (export "file" (type $file)))
  (instance $types (instantiate $types (with "file" (type $file'))))
  (export $exported "a:b/types" (instance $types))
  (alias export $exported "file" (type $file))
  (core module $m (func (export "f") (param i32)))
  (core instance $m (instantiate $m))
  (func $f (param "x" (own $file)) (canon lift (core func $m "f")))
  (component $api
    (import "file" (type $file (sub resource)))
    (import "f" (func $f (param "x" (own $file))))
    (export $own "file" (type $file))
    (export "f" (func $f) (func (param "x" (own $own)))))
  (instance $api (instantiate $api (with "file" (type $file)) (with "f" (func $f))))
  (export "a:b/api" (instance $api)))
