;; Returns a u8 or an error.
(component
  (core module $m
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) unreachable)
    (func (export "f") (result i32) unreachable))
  (core instance $m (instantiate $m))
  (alias core export $m "memory" (core memory $memory))
  (alias core export $m "realloc" (core func $realloc))
  (func (export "f") (result (result u8 (error u8)))
    (canon lift (core func $m "f") (memory $memory) (realloc $realloc))))
