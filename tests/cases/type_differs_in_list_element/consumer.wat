;; Passes a list of u16.
(component (import "f" (func (param "a" (list u16)))))
