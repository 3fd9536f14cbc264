;; Passes a bool, and lacks `h`.
(component
  (import "f" (func (param "a" bool)))
  (import "h" (func)))
