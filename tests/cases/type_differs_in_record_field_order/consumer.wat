;; Its fields are `y`, `x`.
(component
  (type $t (record (field "y" u32) (field "x" u32)))
  (import "a:b/c@1.0.0" (instance
    (alias outer 1 $t (type $t))
    (export "point" (type $named (eq $t)))
    (export "f" (func (param "p" $named))))))
