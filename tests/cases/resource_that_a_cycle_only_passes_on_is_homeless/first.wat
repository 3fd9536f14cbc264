;; Only passes the resource on.
(component
  (import "t:t/b" (instance $i (export "r" (type $r (sub resource)))))
  (alias export $i "r" (type $r))
  (instance $again (export "r" (type $r)))
  (export "t:t/a" (instance $again)))
