;; Imports from the cycle and is not part of it.
(component
  (import "fa" (func)))
