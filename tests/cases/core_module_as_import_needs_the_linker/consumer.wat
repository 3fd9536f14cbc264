;; Imports a core module.
(component (import "code" (core module)))
