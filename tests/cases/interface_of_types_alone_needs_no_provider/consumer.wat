;; Imports types alone.
(component
  (type $point (record (field "x" u32)))
  (import "a:b/types" (instance (export "point" (type (eq $point))))))
