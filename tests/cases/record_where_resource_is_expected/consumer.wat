;; Its file is a resource.
(component (import "a:b/types" (instance (export "file" (type (sub resource))))))
