;; Is ambiguous and has a wrong hint, two levels down.
(component
  (import "add" (func))
  (import "subtract" (func)))
