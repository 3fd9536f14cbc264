;; Gets the one that the inner composer chose.
(component
  (import "add" (func)))
