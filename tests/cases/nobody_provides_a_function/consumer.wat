;; Imports what nobody offers.
(component
  (import "add" (func)))
