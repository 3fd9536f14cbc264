;; Imports both by the very names.
(component
  (import "add" (func))
  (import "a:b/c@1.0.0" (instance (export "f" (func)))))
