;; Has `log` in its linker and hints to `host`.
(component
  (import "log" (func)))
