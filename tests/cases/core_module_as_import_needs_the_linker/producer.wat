;; Exports a core module.
(component
  (core module $m)
  (export "code" (core module $m)))
