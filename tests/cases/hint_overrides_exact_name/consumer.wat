;; Would take the exact version without the hint.
(component
  (import "a:b/c@1.0.0" (instance (export "f" (func)))))
