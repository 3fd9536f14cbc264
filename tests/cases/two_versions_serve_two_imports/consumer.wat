;; Imports two majors, each in an older version.
(component
  (import "a:b/c@1.0.0" (instance (export "f" (func))))
  (import "a:b/c@2.0.0" (instance (export "f" (func)))))
