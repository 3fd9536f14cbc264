;; Only passes the resource on.
(component
  (import "t:t/a" (instance $i (export "r" (type $r (sub resource)))))
  (alias export $i "r" (type $r))
  (instance $again (export "r" (type $r)))
  (export "t:t/b" (instance $again)))
