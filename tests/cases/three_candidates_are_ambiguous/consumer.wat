;; Imports what three offer.
(component
  (import "add" (func)))
