;; Passes a `u16` in the depth.
(component
  (type $t (record (field "entries" (tuple u8 (option (result (error u16)))))))
  (import "a:b/c@1.0.0" (instance
    (alias outer 1 $t (type $t))
    (export "deep" (type $named (eq $t)))
    (export "f" (func (param "p" $named))))))
