;; Is there twice.
(component
  (import "add" (func)))
