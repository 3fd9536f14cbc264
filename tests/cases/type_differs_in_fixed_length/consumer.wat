;; Passes three.
(component (import "f" (func (param "a" (list u8 3)))))
