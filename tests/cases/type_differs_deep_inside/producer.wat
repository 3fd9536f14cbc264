;; Takes a `u8` in the depth.
(component
  (type $t (record (field "entries" (tuple u8 (option (result (error u8)))))))
  (core module $m (func (export "f") (param i32 i32 i32 i32)))
  (core instance $m (instantiate $m))
  (export $named "deep" (type $t))
  (func $f (param "p" $named) (canon lift (core func $m "f")))
  (instance $i (export "deep" (type $named)) (export "f" (func $f)))
  (export "a:b/c@1.0.0" (instance $i)))
