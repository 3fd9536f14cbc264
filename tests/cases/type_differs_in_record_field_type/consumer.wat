;; Its field `y` is an f32.
(component
  (type $t (record (field "x" u32) (field "y" f32)))
  (import "a:b/c@1.0.0" (instance
    (alias outer 1 $t (type $t))
    (export "point" (type $named (eq $t)))
    (export "f" (func (param "p" $named))))))
