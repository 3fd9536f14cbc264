;; Takes the end of the chain.
(component
  (import "add" (func)))
