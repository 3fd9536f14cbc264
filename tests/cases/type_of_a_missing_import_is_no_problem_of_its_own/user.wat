;; Imports a resource of an interface that nobody has once more by itself.
(component
  (import "a:b/files" (instance $files (export "file" (type $file (sub resource)))))
  (alias export $files "file" (type $file))
  (import "file" (type (eq $file))))
