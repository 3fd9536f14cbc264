;; Repeats its hint.
(component
  (import "add" (func)))
