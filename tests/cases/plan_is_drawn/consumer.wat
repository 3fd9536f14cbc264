;; Has edges of all kinds: exact, by version, and to its linker.
(component
  (import "add" (func))
  (import "a:b/c@1.0.0" (instance (export "f" (func))))
  (import "log" (func)))
