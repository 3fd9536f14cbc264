;; Gets the highest that is visible.
(component
  (import "a:b/c@1.0.0" (instance (export "f" (func)))))
