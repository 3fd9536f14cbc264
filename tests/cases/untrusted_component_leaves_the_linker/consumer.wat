;; Has it from its linker.
(component
  (import "a:b/c@1.0.0" (instance (export "f" (func)))))
