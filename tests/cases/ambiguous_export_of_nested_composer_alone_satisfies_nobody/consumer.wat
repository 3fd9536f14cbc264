;; Needs an export hint inside.
(component
  (import "add" (func)))
