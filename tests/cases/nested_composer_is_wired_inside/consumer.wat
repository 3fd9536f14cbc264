;; Gets it from beside.
(component
  (import "add" (func)))
