; TypeScript, with JSX or without: what is one retrievable unit of a file, and what it is called.

(function_declaration name: (identifier) @name) @chunk
(function_signature name: (identifier) @name) @chunk
(generator_function_declaration name: (identifier) @name) @chunk
(class_declaration name: (type_identifier) @name) @chunk
(abstract_class_declaration name: (type_identifier) @name) @chunk
(method_definition name: (_) @name) @chunk
(interface_declaration name: (type_identifier) @name) @chunk
(type_alias_declaration name: (type_identifier) @name) @chunk
(enum_declaration name: (identifier) @name) @chunk
(internal_module name: (_) @name) @chunk
(module name: (_) @name) @chunk
; Functions and tables that a variable of the file's top level names.
(program (lexical_declaration (variable_declarator name: (identifier) @name)) @chunk)
(program (variable_declaration (variable_declarator name: (identifier) @name)) @chunk)
(export_statement declaration: (lexical_declaration (variable_declarator name: (identifier) @name))) @chunk
