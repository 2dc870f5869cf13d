; Rust: where a suggestion must stop, and what is no code.

; Everything between braces that holds statements, members, variants or arms.
(block) @block
(declaration_list) @block
(field_declaration_list) @block
(enum_variant_list) @block
(match_block) @block
(field_initializer_list) @block

; Definitions with a body of their own.
(function_item) @scope
(closure_expression) @scope
(impl_item) @scope
(trait_item) @scope
(mod_item) @scope
(struct_item) @scope
(enum_item) @scope
(union_item) @scope
(macro_definition) @scope

(string_literal) @string
(raw_string_literal) @string
(char_literal) @string

(line_comment) @comment
(block_comment) @comment
