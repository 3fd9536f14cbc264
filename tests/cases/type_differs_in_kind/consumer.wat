;; Its thing is an enum.
(component
  (type $t (enum "x"))
  (import "a:b/c@1.0.0" (instance
    (alias outer 1 $t (type $t))
    (export "thing" (type $named (eq $t)))
    (export "f" (func (param "p" $named))))))
