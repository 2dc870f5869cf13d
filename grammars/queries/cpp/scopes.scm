; C++: where a suggestion must stop, and what is no code.

(compound_statement) @block
(field_declaration_list) @block
(declaration_list) @block
(enumerator_list) @block
(initializer_list) @block

(function_definition) @scope
(lambda_expression) @scope
(class_specifier body: (_)) @scope
(struct_specifier body: (_)) @scope
(union_specifier body: (_)) @scope
(enum_specifier body: (_)) @scope
(namespace_definition) @scope

(string_literal) @string
(raw_string_literal) @string
(char_literal) @string
(system_lib_string) @string

(comment) @comment
