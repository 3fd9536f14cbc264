;; Takes the sync one for async and the async one for sync.
(component
  (import "f" (func async))
  (import "g" (func)))
