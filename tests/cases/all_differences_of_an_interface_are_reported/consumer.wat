;; Expects other types of both, and `h`.
(component
  (import "a:b/c" (instance
    (export "f" (func (param "a" u8)))
    (export "g" (func (param "a" u16)))
    (export "h" (func)))))
