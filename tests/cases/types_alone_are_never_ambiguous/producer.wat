;; Offers an interface of types alone.
(component
  (component $types
    (type $point (record (field "x" u32)))
    (export "point" (type $point)))
  (instance $types (instantiate $types))
  (export "a:b/types" (instance $types)))
