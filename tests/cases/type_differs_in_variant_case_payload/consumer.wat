;; Its disc has a u64.
(component
  (type $t (variant (case "dot") (case "disc" u64)))
  (import "a:b/c@1.0.0" (instance
    (alias outer 1 $t (type $t))
    (export "shape" (type $named (eq $t)))
    (export "f" (func (param "p" $named))))))
