;; Offers an interface with types and functions.
(component
  (core module $m
    (func (export "f") (param i32 i32) (result i32) unreachable)
    (func (export "g")))
  (core instance $m (instantiate $m))
  (func $f (param "a" u32) (param "b" char) (result bool) (canon lift (core func $m "f")))
  (func $g async (canon lift (core func $m "g")))
  (instance $i (export "check" (func $f)) (export "wait" (func $g)))
  (export "a:b/c@1.0.0" (instance $i)))
