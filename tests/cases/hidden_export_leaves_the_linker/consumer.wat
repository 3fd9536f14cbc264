;; Has `log` in its linker.
(component
  (import "log" (func)))
