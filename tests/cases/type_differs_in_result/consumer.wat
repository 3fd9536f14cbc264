;; Expects a float.
(component (import "f" (func (result f32))))
