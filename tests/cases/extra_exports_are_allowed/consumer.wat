;; Asks for one function of three.
(component (import "a:b/c" (instance (export "g" (func)))))
