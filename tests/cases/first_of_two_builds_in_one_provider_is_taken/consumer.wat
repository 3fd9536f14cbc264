;; Imports 1.2.0.
(component
  (import "a:b/c@1.2.0" (instance (export "f" (func)))))
