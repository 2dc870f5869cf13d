; Kotlin: what is one retrievable unit of a file, and what it is called.

; Interfaces and enumerations are classes here too.
(class_declaration name: (identifier) @name) @chunk
(object_declaration name: (identifier) @name) @chunk
(companion_object name: (identifier) @name) @chunk
(function_declaration name: (identifier) @name) @chunk
(type_alias type: (identifier) @name) @chunk
(source_file (property_declaration (variable_declaration (identifier) @name)) @chunk)
(class_body (property_declaration (variable_declaration (identifier) @name)) @chunk)
