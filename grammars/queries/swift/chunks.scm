; Swift: what is one retrievable unit of a file, and what it is called.

; Structures, enumerations, actors and extensions are classes here too.
(class_declaration name: (_) @name) @chunk
(protocol_declaration name: (_) @name) @chunk
(function_declaration name: (simple_identifier) @name) @chunk
(protocol_function_declaration name: (simple_identifier) @name) @chunk
(init_declaration name: _ @name) @chunk
(typealias_declaration name: (_) @name) @chunk
(source_file (property_declaration name: (pattern) @name) @chunk)
