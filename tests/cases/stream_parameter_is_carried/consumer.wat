;; Passes a stream.
(component (import "f" (func (param "a" (stream u8)))))
