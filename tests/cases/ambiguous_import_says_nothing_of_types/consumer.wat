;; What it is to get is not known before a hint chooses.
(component
  (import "add" (func)))
