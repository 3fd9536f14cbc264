;; Calls a method that the resource does not have.
(component
  (import "a:b/types" (instance
    (export "file" (type $file (sub resource)))
    (export "[method]file.read" (func (param "self" (borrow $file)) (result u8))))))
