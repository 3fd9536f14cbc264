;; Defines a resource.
(component
  (type $file' (resource (rep i32)))
  (component $types (import "file" (type $file (sub resource))) (export "file" (type $file)))
  (instance $types (instantiate $types (with "file" (type $file'))))
  (export $exported "a:b/types" (instance $types)))
