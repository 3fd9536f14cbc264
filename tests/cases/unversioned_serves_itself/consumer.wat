;; Imports no version.
(component
  (import "a:b/c" (instance (export "f" (func)))))
