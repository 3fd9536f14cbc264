;; Is a core module.
(module)
