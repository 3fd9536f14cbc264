;; Defines the resource, and uses what the other does with it.
(component
  (import "t:t/user" (instance $user (export "f" (func))))
  (type $r (resource (rep i32)))
  (core func $new (canon resource.new $r))
  (core module $m (import "" "new" (func $new (param i32) (result i32)))
    (func (export "make") (result i32) (call $new (i32.const 1))))
  (core instance $m (instantiate $m (with "" (instance (export "new" (func $new))))))
  (func $make (result (own $r)) (canon lift (core func $m "make")))
  (component $wrap
    (import "r" (type $t (sub resource)))
    (import "make" (func $make (result (own $t))))
    (export $r "r" (type $t))
    (export "make" (func $make) (func (result (own $r)))))
  (instance $things (instantiate $wrap (with "r" (type $r)) (with "make" (func $make))))
  (export "t:t/things" (instance $things)))
