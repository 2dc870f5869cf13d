; Go: what is one retrievable unit of a file, and what it is called.

(function_declaration name: (identifier) @name) @chunk
(method_declaration name: (field_identifier) @name) @chunk
(type_declaration (type_spec name: (type_identifier) @name)) @chunk
(type_declaration (type_alias name: (type_identifier) @name)) @chunk
(source_file (const_declaration (const_spec name: (identifier) @name)) @chunk)
(source_file (var_declaration (var_spec name: (identifier) @name)) @chunk)
(source_file (var_declaration (var_spec_list (var_spec name: (identifier) @name))) @chunk)
