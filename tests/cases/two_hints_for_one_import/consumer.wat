;; Has two hints for one import.
(component
  (import "add" (func)))
