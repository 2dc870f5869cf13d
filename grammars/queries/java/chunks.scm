; Java: what is one retrievable unit of a file, and what it is called.

(class_declaration name: (identifier) @name) @chunk
(interface_declaration name: (identifier) @name) @chunk
(enum_declaration name: (identifier) @name) @chunk
(record_declaration name: (identifier) @name) @chunk
(annotation_type_declaration name: (identifier) @name) @chunk
(method_declaration name: (identifier) @name) @chunk
(constructor_declaration name: (identifier) @name) @chunk
(compact_constructor_declaration name: (identifier) @name) @chunk
