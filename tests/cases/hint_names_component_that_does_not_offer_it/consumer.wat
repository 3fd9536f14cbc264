;; Hints to a component that cannot help.
(component
  (import "add" (func)))
