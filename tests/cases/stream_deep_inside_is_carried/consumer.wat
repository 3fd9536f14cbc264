;; Passes an optional stream.
(component (import "f" (func (param "a" (option (tuple u8 (stream)))))))
