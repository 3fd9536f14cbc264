;; Exports an instance under the name.
(component
  (instance $i)
  (export "thing" (instance $i)))
