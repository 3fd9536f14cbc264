;; Imports an instance under the name.
(component (import "thing" (instance (export "f" (func)))))
