;; Imports what nobody offers on any level.
(component
  (import "add" (func)))
