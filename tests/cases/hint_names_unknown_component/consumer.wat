;; Its hint has a slip in the id.
(component
  (import "add" (func)))
