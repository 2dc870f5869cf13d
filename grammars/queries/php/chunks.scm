; PHP: what is one retrievable unit of a file, and what it is called.

; A namespace without a body is a line, not a unit.
(namespace_definition name: (namespace_name) @name body: (_)) @chunk
(class_declaration name: (name) @name) @chunk
(interface_declaration name: (name) @name) @chunk
(trait_declaration name: (name) @name) @chunk
(enum_declaration name: (name) @name) @chunk
(function_definition name: (name) @name) @chunk
(method_declaration name: (name) @name) @chunk
(const_declaration (const_element . (name) @name)) @chunk
