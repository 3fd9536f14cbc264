;; The inner composer is wired by itself first.
(component
  (import "a:b/c@1.0.0" (instance (export "f" (func)))))
