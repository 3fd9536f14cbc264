;; Is satisfied inside.
(component
  (import "add" (func)))
