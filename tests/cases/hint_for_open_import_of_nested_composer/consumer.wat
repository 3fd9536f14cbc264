;; Is there twice, and both imports are open.
(component
  (import "add" (func)))
