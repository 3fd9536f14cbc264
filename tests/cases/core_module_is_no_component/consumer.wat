;; With a provider that cannot be loaded, what it lacks says nothing.
(component
  (import "add" (func)))
