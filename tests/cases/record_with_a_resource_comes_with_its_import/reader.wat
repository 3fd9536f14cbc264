;; Imports the record and the variant by themselves, and exports a function of them.
(component
  (import "a:b/files" (instance $files
    (export "file" (type $file (sub resource)))
    (type $entry (record (field "of" (own $file))))
    (export "entry" (type $entry' (eq $entry)))
    (type $found (variant (case "nothing") (case "one" $entry')))
    (export "found" (type (eq $found)))))
  (alias export $files "file" (type $file))
  (alias export $files "entry" (type $entry))
  (import "entry" (type $entry' (eq $entry)))
  (alias export $files "found" (type $found))
  (import "found" (type $found' (eq $found)))
  (core func $drop (canon resource.drop $file))
  (core module $m
    (import "" "drop" (func $drop (param i32)))
    (func (export "take") (param i32) (call $drop (local.get 0)))
    (func (export "look") (param i32 i32)))
  (core instance $m (instantiate $m (with "" (instance (export "drop" (func $drop))))))
  (func (export "take") (param "entry" $entry') (canon lift (core func $m "take")))
  (func (export "look") (param "found" $found') (canon lift (core func $m "look"))))
