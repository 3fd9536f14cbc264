;; Its hint names nothing similar.
(component
  (import "add" (func)))
