;; Lacks a parenthesis.
(component (import "add" (func))
