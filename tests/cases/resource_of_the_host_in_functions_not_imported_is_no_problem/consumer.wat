;; Imports the function without the handle.
(component (import "a:b/api" (instance (export "g" (func)))))
