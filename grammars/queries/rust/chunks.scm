; Rust: what is one retrievable unit of a file, and what it is called.

(function_item name: (identifier) @name) @chunk
(function_signature_item name: (identifier) @name) @chunk
(struct_item name: (type_identifier) @name) @chunk
(enum_item name: (type_identifier) @name) @chunk
(union_item name: (type_identifier) @name) @chunk
(trait_item name: (type_identifier) @name) @chunk
(type_item name: (type_identifier) @name) @chunk
(const_item name: (identifier) @name) @chunk
(static_item name: (identifier) @name) @chunk
(macro_definition name: (identifier) @name) @chunk
(mod_item name: (identifier) @name body: (_)) @chunk
; An implementation is called after the type it is for.
(impl_item type: (_) @name) @chunk
