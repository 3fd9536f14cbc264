;; Imports from the first.
(component
  (import "add" (func)))
