;; Below 1.0 the minor version must be the same.
(component
  (import "a:b/c@0.2.1" (instance (export "f" (func)))))
