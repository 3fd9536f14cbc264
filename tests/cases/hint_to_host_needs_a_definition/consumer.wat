;; Hints to `host`, where nothing is defined.
(component
  (import "log" (func)))
