;; Expects a result.
(component (import "f" (func (result u32))))
