;; Imports a newer minor version; the types decide.
(component
  (import "a:b/c@1.4.0" (instance (export "f" (func)))))
