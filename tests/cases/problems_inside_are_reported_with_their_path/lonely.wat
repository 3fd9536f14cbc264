;; Has a problem of its own outside.
(component
  (import "missing" (func)))
