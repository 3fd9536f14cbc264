;; Forces its linker.
(component
  (import "log" (func)))
