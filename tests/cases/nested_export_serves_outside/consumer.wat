;; Is outside.
(component
  (import "add" (func)))
