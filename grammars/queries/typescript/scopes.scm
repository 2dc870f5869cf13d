; TypeScript, with JSX or without: where a suggestion must stop, and what is no code.

(statement_block) @block
(class_body) @block
(interface_body) @block
(object_type) @block
(enum_body) @block
(switch_body) @block
(object) @block

(function_declaration) @scope
(function_expression) @scope
(generator_function_declaration) @scope
(generator_function) @scope
(arrow_function) @scope
(method_definition) @scope
(class_declaration) @scope
(abstract_class_declaration) @scope
(class) @scope
(interface_declaration) @scope
(enum_declaration) @scope
(internal_module) @scope
(module) @scope

(string) @string
(template_string) @string
(template_literal_type) @string
(regex) @string
; What stands in `${…}` is code again.
(template_substitution) @code
(template_type) @code

(comment) @comment
(html_comment) @comment
