;; Is added under wrong ids.
(component)
