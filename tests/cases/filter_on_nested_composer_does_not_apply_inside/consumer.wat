;; Sees it.
(component
  (import "add" (func)))
