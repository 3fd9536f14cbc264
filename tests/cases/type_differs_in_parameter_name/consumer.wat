;; Its parameter is called `b`.
(component (import "f" (func (param "b" u32))))
