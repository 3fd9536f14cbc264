;; Has the import in its linker too, which settles nothing.
(component
  (import "add" (func)))
