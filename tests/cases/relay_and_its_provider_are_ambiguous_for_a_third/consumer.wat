;; Could take either.
(component
  (import "add" (func)))
