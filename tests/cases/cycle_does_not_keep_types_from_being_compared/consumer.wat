;; Imports with another type than ping exports.
(component (import "ping" (func (param "a" u32))))
