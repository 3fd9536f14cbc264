;; Is a core module.
(module (func (export "add")))
