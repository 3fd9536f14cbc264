;; Imports the same version, built elsewhere.
(component
  (import "a:b/c@1.0.0+mac" (instance (export "f" (func)))))
