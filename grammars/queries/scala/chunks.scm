; Scala: what is one retrievable unit of a file, and what it is called.

(class_definition name: (_) @name) @chunk
(object_definition name: (_) @name) @chunk
(trait_definition name: (_) @name) @chunk
(enum_definition name: (_) @name) @chunk
(package_object name: (_) @name) @chunk
(function_definition name: (_) @name) @chunk
(function_declaration name: (_) @name) @chunk
(type_definition name: (_) @name) @chunk
(given_definition name: (_) @name) @chunk
(template_body (val_definition pattern: (identifier) @name) @chunk)
(compilation_unit (val_definition pattern: (identifier) @name) @chunk)
