;; Names a component that is not on its level.
(component
  (import "add" (func)))
