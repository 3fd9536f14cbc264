;; Is open on two levels, and hinted at on the second.
(component
  (import "add" (func)))
