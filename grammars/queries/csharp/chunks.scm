; C#: what is one retrievable unit of a file, and what it is called.

(namespace_declaration name: (_) @name) @chunk
(class_declaration name: (identifier) @name) @chunk
(struct_declaration name: (identifier) @name) @chunk
(interface_declaration name: (identifier) @name) @chunk
(record_declaration name: (identifier) @name) @chunk
(enum_declaration name: (identifier) @name) @chunk
(delegate_declaration name: (identifier) @name) @chunk
(method_declaration name: (identifier) @name) @chunk
(constructor_declaration name: (identifier) @name) @chunk
(destructor_declaration name: (identifier) @name) @chunk
(operator_declaration operator: _ @name) @chunk
(local_function_statement name: (identifier) @name) @chunk
(property_declaration name: (identifier) @name) @chunk
(event_declaration name: (identifier) @name) @chunk
(field_declaration (variable_declaration (variable_declarator name: (identifier) @name))) @chunk
