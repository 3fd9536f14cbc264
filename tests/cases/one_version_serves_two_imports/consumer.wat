;; Imports two older versions.
(component
  (import "a:b/c@1.0.0" (instance (export "f" (func))))
  (import "a:b/c@1.1.0" (instance (export "f" (func)))))
