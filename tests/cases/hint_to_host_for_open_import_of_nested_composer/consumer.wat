;; Has `log` in its linker, which `inner` is hinted to.
(component
  (import "log" (func)))
