; Lua: what is one retrievable unit of a file, and what it is called.

(function_declaration name: (_) @name) @chunk
; A function that a variable or a field holds.
(variable_declaration
  (assignment_statement
    (variable_list name: (_) @name) (expression_list value: (function_definition) @kind))) @chunk
(assignment_statement
  (variable_list name: (_) @name) (expression_list value: (function_definition) @kind)) @chunk
; Tables and constants of the file.
(chunk (variable_declaration (assignment_statement (variable_list . name: (_) @name))) @chunk)
