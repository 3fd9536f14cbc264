;; Exports an interface with a resource, and a record and a variant that hold it.
(component
  (type $file (resource (rep i32)))
  (core func $new (canon resource.new $file))
  (core module $m
    (import "" "new" (func $new (param i32) (result i32)))
    (func (export "make") (result i32) (call $new (i32.const 5))))
  (core instance $m (instantiate $m (with "" (instance (export "new" (func $new))))))
  (func $make (result (own $file)) (canon lift (core func $m "make")))
  (component $api
    (import "file" (type $file (sub resource)))
    (import "make" (func $make (result (own $file))))
    (export $exported "file" (type $file))
    (type $entry (record (field "of" (own $exported))))
    (export $entry' "entry" (type $entry))
    (type $found (variant (case "nothing") (case "one" $entry')))
    (export "found" (type $found))
    (export "make" (func $make) (func (result (own $exported)))))
  (instance $api (instantiate $api (with "file" (type $file)) (with "make" (func $make))))
  (export "a:b/files" (instance $api)))
