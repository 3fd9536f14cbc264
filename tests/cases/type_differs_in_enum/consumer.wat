;; Knows red and blue.
(component
  (type $t (enum "red" "blue"))
  (import "a:b/c@1.0.0" (instance
    (alias outer 1 $t (type $t))
    (export "color" (type $named (eq $t)))
    (export "f" (func (param "p" $named))))))
