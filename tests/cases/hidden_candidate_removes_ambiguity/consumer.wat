;; Needs no hint.
(component
  (import "add" (func)))
