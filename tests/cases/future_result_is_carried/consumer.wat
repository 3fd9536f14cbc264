;; Expects a future.
(component (import "f" (func (result (future u8)))))
