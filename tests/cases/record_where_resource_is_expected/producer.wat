;; Its file is a record.
(component
  (component $types (type $file (record (field "x" u32))) (export "file" (type $file)))
  (instance $types (instantiate $types))
  (export "a:b/types" (instance $types)))
