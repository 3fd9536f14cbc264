;; Ambiguous, mismatched, unsatisfied and wrongly hinted.
(component
  (import "add" (func))
  (import "f" (func))
  (import "nowhere" (func))
  (import "hinted" (func)))
