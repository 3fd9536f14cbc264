;; Passes a string.
(component (import "f" (func (param "a" string))))
