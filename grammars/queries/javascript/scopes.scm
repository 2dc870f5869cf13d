; JavaScript: where a suggestion must stop, and what is no code.

(statement_block) @block
(class_body) @block
(switch_body) @block
(object) @block

(function_declaration) @scope
(function_expression) @scope
(generator_function_declaration) @scope
(generator_function) @scope
(arrow_function) @scope
(method_definition) @scope
(class_declaration) @scope
(class) @scope

(string) @string
(template_string) @string
(regex) @string
; What stands in `${…}` is code again.
(template_substitution) @code

(comment) @comment
(html_comment) @comment
