;; Knows it by a name of its own.
(component
  (import "acme:cache/store" (instance
    (export "get" (func (param "key" u32) (result u32))))))
