;; Passes an s64.
(component (import "f" (func (param "a" s64))))
