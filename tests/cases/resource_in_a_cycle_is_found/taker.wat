;; Takes the resource from both.
(component
  (import "t:t/things" (instance $things
    (export "r" (type $r (sub resource)))))
  (alias export $things "r" (type $r))
  (import "t:t/things-again" (instance (export "r" (type (eq $r))))))
