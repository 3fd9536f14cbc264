;; Hints to what `inner` offers ambiguously.
(component
  (import "add" (func)))
