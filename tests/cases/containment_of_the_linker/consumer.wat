;; Imports from the host.
(component (import "log" (func (result (result (error string))))))
