;; Imports a resource, which somebody has to define.
(component (import "a:b/types" (instance (export "file" (type (sub resource))))))
