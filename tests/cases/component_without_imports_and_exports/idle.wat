;; Imports and exports nothing.
(component)
