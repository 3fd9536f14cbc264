;; Imports functions of many results.
(component
  (import "a:b/c" (instance
    (type $e' (enum "gone" "late"))
    (export "error" (type $e (eq $e')))
    (type $v' (variant (case "gone") (case "text" string) (case "code" u32)))
    (export "cause" (type $v (eq $v')))
    (export "plain" (func (result u32)))
    (export "none" (func))
    (export "text" (func (result (result u32 (error string)))))
    (export "enum" (func (result (result u32 (error $e)))))
    (export "variant" (func (result (result (error $v)))))
    (export "bare" (func (result (result u32))))))
)
