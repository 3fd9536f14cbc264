;; Passes an optional u16.
(component (import "f" (func (param "a" (option u16)))))
