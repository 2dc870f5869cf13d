; Python: what is one retrievable unit of a file, and what it is called.

(function_definition name: (identifier) @name) @chunk
(class_definition name: (identifier) @name) @chunk
; With its decorators, where it has any.
(decorated_definition definition: (_ name: (identifier) @name)) @chunk
; Constants and tables of a module.
(module (expression_statement (assignment left: (identifier) @name)) @chunk)
