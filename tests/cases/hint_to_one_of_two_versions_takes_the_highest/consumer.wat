;; Gets the highest of the one that is hinted at.
(component
  (import "a:b/c@1.0.0" (instance (export "f" (func)))))
