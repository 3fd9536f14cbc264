;; Calls one of the cases otherwise.
(component
  (import "a:b/logging" (instance
    (type $action (enum
    "act-start" "act-stop" "act-read" "act-write" "act-list" "act-open" "act-close" "act-send"
    "act-recv" "act-load" "act-save" "act-drop" "act-copy" "act-move" "act-link" "act-fork"
    "act-join" "act-wait" "act-wake" "act-lock" "act-release" "act-bind" "act-ping" "act-pong"
    "act-init" "act-exit" "act-kill" "act-trap" "act-seek" "act-tell" "act-grow" "act-trim"
    "act-sort" "act-find" "act-hash" "act-sign" "act-seal" "act-audit"))
    (export "action" (type $action' (eq $action)))
    (type $event (record (field "action" $action') (field "message" string)))
    (export "event" (type $event' (eq $event)))
    (export "log" (func (param "event" $event'))))))
