;; Knows three flags.
(component
  (type $t (flags "read" "write" "run"))
  (import "a:b/c@1.0.0" (instance
    (alias outer 1 $t (type $t))
    (export "rights" (type $named (eq $t)))
    (export "f" (func (param "p" $named))))))
