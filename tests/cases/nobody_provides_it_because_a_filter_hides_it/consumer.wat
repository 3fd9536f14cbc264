;; Would be satisfied without the filter.
(component
  (import "add" (func)))
