;; No hint could choose: the id is the mistake.
(component
  (import "add" (func)))
