;; Is there twice; one hint on `inner` is for both.
(component
  (import "add" (func)))
