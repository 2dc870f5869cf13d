; Python: where a suggestion must stop, and what is no code.

; The indented lines after a colon.
(block) @block

(function_definition) @scope
(class_definition) @scope
(lambda) @scope

(string) @string
; What stands in the braces of an f-string is code again.
(interpolation) @code

(comment) @comment
