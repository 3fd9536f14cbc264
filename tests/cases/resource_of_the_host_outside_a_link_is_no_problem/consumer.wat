;; Imports another function.
(component
  (import "g" (func)))
