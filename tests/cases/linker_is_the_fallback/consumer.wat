;; Has both imports in its linker.
(component
  (import "log" (func))
  (import "a:b/c@1.0.0" (instance (export "f" (func)))))
