;; Imports a core module, which no component can provide.
(component (import "code" (core module)))
