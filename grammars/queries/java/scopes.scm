; Java: where a suggestion must stop, and what is no code.

(block) @block
(constructor_body) @block
(class_body) @block
(interface_body) @block
(enum_body) @block
(annotation_type_body) @block
(switch_block) @block
(array_initializer) @block

(method_declaration) @scope
(constructor_declaration) @scope
(compact_constructor_declaration) @scope
(lambda_expression) @scope
(class_declaration) @scope
(interface_declaration) @scope
(enum_declaration) @scope
(record_declaration) @scope
(annotation_type_declaration) @scope

(string_literal) @string
(character_literal) @string

(line_comment) @comment
(block_comment) @comment
