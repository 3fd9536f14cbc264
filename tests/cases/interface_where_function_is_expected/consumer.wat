;; Imports a function under the name.
(component (import "thing" (func)))
