; Go: where a suggestion must stop, and what is no code.

(block) @block
(field_declaration_list) @block
(interface_type) @block
(literal_value) @block
; These hold their cases without a node for the braces.
(expression_switch_statement) @block
(type_switch_statement) @block
(select_statement) @block

(function_declaration) @scope
(method_declaration) @scope
(func_literal) @scope
(type_declaration) @scope

(interpreted_string_literal) @string
(raw_string_literal) @string
(rune_literal) @string

(comment) @comment
