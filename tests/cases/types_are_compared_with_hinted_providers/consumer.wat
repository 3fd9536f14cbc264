;; A hint makes no type compatible.
(component (import "f" (func (param "a" s64))))
