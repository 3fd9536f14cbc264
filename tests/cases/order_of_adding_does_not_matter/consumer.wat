;; Is added before its provider.
(component
  (import "add" (func)))
