;; Gets what is visible.
(component
  (import "add" (func))
  (import "subtract" (func)))
