;; Passes a string, and lacks `g`.
(component
  (import "f" (func (param "a" string)))
  (import "g" (func)))
