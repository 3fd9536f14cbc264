;; Imports what two offer.
(component
  (import "add" (func)))
