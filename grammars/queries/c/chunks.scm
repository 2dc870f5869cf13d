; C: what is one retrievable unit of a file, and what it is called.

; The name of a function stands inside its declarator, behind a `*` for each pointer it returns.
(function_definition declarator: (function_declarator declarator: (_) @name)) @chunk
(function_definition
  declarator: (pointer_declarator declarator: (function_declarator declarator: (_) @name))) @chunk
(declaration declarator: (function_declarator declarator: (identifier) @name)) @chunk
(struct_specifier name: (type_identifier) @name body: (_)) @chunk
(union_specifier name: (type_identifier) @name body: (_)) @chunk
(enum_specifier name: (type_identifier) @name body: (_)) @chunk
(type_definition declarator: (type_identifier) @name) @chunk
(preproc_def name: (identifier) @name) @chunk
(preproc_function_def name: (identifier) @name) @chunk
; Tables and other variables of the file.
(translation_unit (declaration declarator: (init_declarator declarator: (_) @name)) @chunk)
