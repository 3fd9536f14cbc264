;; Finds nobody beside.
(component
  (import "add" (func)))
