;; Passes an s64, outside.
(component (import "f" (func (param "a" s64))))
