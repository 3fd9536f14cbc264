;; Below 0.1 the patch version must be the same.
(component
  (import "a:b/c@0.0.1" (instance (export "f" (func)))))
