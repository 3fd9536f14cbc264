;; Passes a u8 and a u16.
(component (import "f" (func (param "a" (tuple u8 u16)))))
