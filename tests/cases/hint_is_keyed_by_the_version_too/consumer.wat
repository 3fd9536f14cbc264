;; Imports a version; its hint names none.
(component
  (import "a:b/c@1.0.0" (instance (export "f" (func)))))
