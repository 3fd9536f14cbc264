;; Its disc has none.
(component
  (type $t (variant (case "dot") (case "disc")))
  (import "a:b/c@1.0.0" (instance
    (alias outer 1 $t (type $t))
    (export "shape" (type $named (eq $t)))
    (export "f" (func (param "p" $named))))))
