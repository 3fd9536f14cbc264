;; Imports a prerelease.
(component
  (import "a:b/c@1.0.0-rc.1" (instance (export "f" (func)))))
