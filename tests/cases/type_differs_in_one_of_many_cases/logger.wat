;; Its enum has many cases.
(component
  (core module $m
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func (export "log") (param i32 i32 i32)))
  (core instance $m (instantiate $m))
  (type $action (enum
    "act-start" "act-stop" "act-read" "act-write" "act-list" "act-open" "act-close" "act-send"
    "act-recv" "act-load" "act-save" "act-drop" "act-copy" "act-move" "act-link" "act-fork"
    "act-join" "act-wait" "act-wake" "act-lock" "act-free" "act-bind" "act-ping" "act-pong"
    "act-init" "act-exit" "act-kill" "act-trap" "act-seek" "act-tell" "act-grow" "act-trim"
    "act-sort" "act-find" "act-hash" "act-sign" "act-seal" "act-audit"))
  (type $event (record (field "action" $action) (field "message" string)))
  (func $log (param "event" $event)
    (canon lift (core func $m "log") (memory (core memory $m "memory")) (realloc (core func $m "realloc"))))
  (component $api
    (type $action (enum
    "act-start" "act-stop" "act-read" "act-write" "act-list" "act-open" "act-close" "act-send"
    "act-recv" "act-load" "act-save" "act-drop" "act-copy" "act-move" "act-link" "act-fork"
    "act-join" "act-wait" "act-wake" "act-lock" "act-free" "act-bind" "act-ping" "act-pong"
    "act-init" "act-exit" "act-kill" "act-trap" "act-seek" "act-tell" "act-grow" "act-trim"
    "act-sort" "act-find" "act-hash" "act-sign" "act-seal" "act-audit"))
    (import "action" (type $action' (eq $action)))
    (type $event (record (field "action" $action') (field "message" string)))
    (import "event" (type $event' (eq $event)))
    (import "log" (func $log (param "event" $event')))
    (export $exported "action" (type $action'))
    (type $event-exported (record (field "action" $exported) (field "message" string)))
    (export $named "event" (type $event-exported))
    (export "log" (func $log) (func (param "event" $named))))
  (instance $api (instantiate $api
    (with "action" (type $action)) (with "event" (type $event)) (with "log" (func $log))))
  (export "a:b/logging" (instance $api)))
