;; Hints to what is hidden.
(component
  (import "add" (func)))
