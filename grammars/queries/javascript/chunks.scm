; JavaScript: what is one retrievable unit of a file, and what it is called.

(function_declaration name: (identifier) @name) @chunk
(generator_function_declaration name: (identifier) @name) @chunk
(class_declaration name: (identifier) @name) @chunk
(method_definition name: (_) @name) @chunk
; Functions, classes and tables that a variable of the file's top level names.
(program (lexical_declaration (variable_declarator name: (identifier) @name)) @chunk)
(program (variable_declaration (variable_declarator name: (identifier) @name)) @chunk)
(export_statement declaration: (lexical_declaration (variable_declarator name: (identifier) @name))) @chunk
; `exports.name = …`, `Type.prototype.name = …`.
(program
  (expression_statement
    (assignment_expression
      left: (member_expression property: (property_identifier) @name)
      right: [(function_expression) (arrow_function) (class) (object)])) @chunk)
