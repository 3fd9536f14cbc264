;; Expects another parameter in the inner instance.
(component
  (import "a:b/c" (instance
    (export "inner" (instance
      (export "f" (func (param "a" u64))))))))
