;; Has the resource of `types`.
(component
  (import "a:b/types" (instance $types (export "file" (type (sub resource)))))
  (alias export $types "file" (type $file))
  (import "a:b/api" (instance
    (alias outer 1 $file (type $file))
    (export "file" (type $own (eq $file)))
    (export "f" (func (param "x" (own $own)))))))
