;; Takes a map of u8 to u8.
(component
  (core module $m
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) unreachable)
    (func (export "f") (param i32 i32)))
  (core instance $m (instantiate $m))
  (alias core export $m "memory" (core memory $memory))
  (alias core export $m "realloc" (core func $realloc))
  (func (export "f") (param "a" (map u8 u8))
    (canon lift (core func $m "f") (memory $memory) (realloc $realloc))))
