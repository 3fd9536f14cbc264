;; Imports `add`; its hint is for `ad`.
(component
  (import "add" (func)))
