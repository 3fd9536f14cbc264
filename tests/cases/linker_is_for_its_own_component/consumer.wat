;; Is there twice; one has `log` in its linker.
(component
  (import "log" (func)))
