;; Has the function with a stream in its linker.
(component (import "f" (func (param "a" (stream u8)))))
