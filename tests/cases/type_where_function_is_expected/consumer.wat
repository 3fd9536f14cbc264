;; Imports an interface with a function `f`.
(component (import "a:b/c" (instance (export "f" (func)))))
