;; Passes two.
(component (import "f" (func (param "a" u32) (param "b" u32))))
