; C++: what is one retrievable unit of a file, and what it is called.

; The name of a function stands inside its declarator, behind `*` and `&` of what it returns.
(function_definition declarator: (function_declarator declarator: (_) @name)) @chunk
(function_definition
  declarator: (pointer_declarator declarator: (function_declarator declarator: (_) @name))) @chunk
(function_definition
  declarator: (reference_declarator (function_declarator declarator: (_) @name))) @chunk
(declaration declarator: (function_declarator declarator: (identifier) @name)) @chunk
(class_specifier name: (_) @name body: (_)) @chunk
(struct_specifier name: (_) @name body: (_)) @chunk
(union_specifier name: (_) @name body: (_)) @chunk
(enum_specifier name: (_) @name body: (_)) @chunk
(type_definition declarator: (type_identifier) @name) @chunk
(alias_declaration name: (type_identifier) @name) @chunk
(concept_definition name: (identifier) @name) @chunk
(namespace_definition name: (_) @name) @chunk
; A template is one unit with its parameters; what it declares is captured on its own too.
(template_declaration (function_definition declarator: (function_declarator declarator: (_) @name))) @chunk
(template_declaration (class_specifier name: (_) @name)) @chunk
(template_declaration (struct_specifier name: (_) @name)) @chunk
(preproc_def name: (identifier) @name) @chunk
(preproc_function_def name: (identifier) @name) @chunk
(translation_unit (declaration declarator: (init_declarator declarator: (_) @name)) @chunk)
