;; Is an async function.
(component
  (core module $m (func (export "g")))
  (core instance $m (instantiate $m))
  (func (export "g") async (canon lift (core func $m "g"))))
