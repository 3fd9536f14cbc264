;; Has a newer version in its linker.
(component
  (import "a:b/c@1.2.0" (instance (export "f" (func)))))
