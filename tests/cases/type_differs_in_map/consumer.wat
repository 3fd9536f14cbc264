;; Passes a map of u8 to u16.
(component (import "f" (func (param "a" (map u8 u16)))))
