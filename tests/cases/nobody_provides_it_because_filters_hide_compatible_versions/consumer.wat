;; Would be satisfied without the filters.
(component
  (import "a:b/c@1.0.0" (instance (export "f" (func)))))
