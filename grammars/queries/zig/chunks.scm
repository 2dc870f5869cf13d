; Zig: what is one retrievable unit of a file, and what it is called.

(function_declaration name: (identifier) @name) @chunk
; A type is a value that a constant names.
(variable_declaration . (identifier) @name (struct_declaration) @kind) @chunk
(variable_declaration . (identifier) @name (enum_declaration) @kind) @chunk
(variable_declaration . (identifier) @name (union_declaration) @kind) @chunk
(variable_declaration . (identifier) @name (opaque_declaration)) @chunk
(source_file (variable_declaration . (identifier) @name) @chunk)
(test_declaration (string) @name) @chunk
