; Shell: what is one retrievable unit of a file, and what it is called.

(function_definition name: (word) @name) @chunk
; Settings of the script.
(program (variable_assignment name: (variable_name) @name) @chunk)
(program (declaration_command (variable_assignment name: (variable_name) @name)) @chunk)
