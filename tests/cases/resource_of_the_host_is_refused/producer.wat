;; Takes a handle of a resource that its linker defines.
(component
  (import "a:b/types" (instance $types (export "file" (type (sub resource)))))
  (alias export $types "file" (type $file))
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
