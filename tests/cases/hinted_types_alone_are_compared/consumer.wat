;; Its point has a `y`; it asks for this provider.
(component
  (type $point (record (field "y" u32)))
  (import "a:b/types" (instance (export "point" (type (eq $point))))))
