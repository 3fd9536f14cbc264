;; Imports `f`, `g` and `h`.
(component
  (import "a:b/c@1.0.0"
    (instance (export "f" (func)) (export "g" (func)) (export "h" (func)))))
