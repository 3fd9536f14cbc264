;; Passes the resource on.
(component
  (import "t:t/things" (instance $things (export "r" (type $r (sub resource)))))
  (alias export $things "r" (type $r))
  (core module $m (func (export "f")))
  (core instance $m (instantiate $m))
  (func $f (canon lift (core func $m "f")))
  (instance $user (export "f" (func $f)))
  (export "t:t/user" (instance $user))
  (instance $again (export "r" (type $r)))
  (export "t:t/things-again" (instance $again)))
