;; Names a component that it cannot see.
(component
  (import "add" (func)))
