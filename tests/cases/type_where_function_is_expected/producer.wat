;; Its interface has a type `f`.
(component
  (component $i (type $f u32) (export "f" (type $f)))
  (instance $i (instantiate $i))
  (export "a:b/c" (instance $i)))
