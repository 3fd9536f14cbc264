;; Needs a hint of its own.
(component
  (import "add" (func)))
