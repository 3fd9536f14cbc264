;; Expects another error.
(component (import "f" (func (result (result u8 (error u16))))))
