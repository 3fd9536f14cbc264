;; Only one of three is a candidate.
(component
  (import "add" (func)))
