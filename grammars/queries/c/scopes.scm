; C: where a suggestion must stop, and what is no code.

(compound_statement) @block
(field_declaration_list) @block
(enumerator_list) @block
(initializer_list) @block

(function_definition) @scope
(struct_specifier body: (_)) @scope
(union_specifier body: (_)) @scope
(enum_specifier body: (_)) @scope

(string_literal) @string
(char_literal) @string
(system_lib_string) @string

(comment) @comment
