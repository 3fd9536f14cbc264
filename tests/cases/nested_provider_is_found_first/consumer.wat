;; Gets the one beside.
(component
  (import "add" (func)))
