;; Exports what is wanted under another name.
(component
  (core module $m
    (func (export "get") (param i32) (result i32) (i32.const 7)))
  (core instance $m (instantiate $m))
  (func $get (param "key" u32) (result u32) (canon lift (core func $m "get")))
  (instance $i (export "get" (func $get)))
  (export "acme:kv/store@1.2.0" (instance $i)))
