;; Imports a function of the newer version.
(component (import "a:b/c@1.1.0" (instance (export "f" (func)) (export "g" (func)))))
