;; Passes three.
(component (import "f" (func (param "a" (tuple u8 u8 u8)))))
