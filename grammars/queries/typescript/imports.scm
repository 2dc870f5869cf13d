; TypeScript, with JSX or without: which names a file takes from others.

(import_statement
  (import_clause (named_imports (import_specifier name: (identifier) @name !alias)))
  source: (string) @source)
(import_statement
  (import_clause (named_imports (import_specifier name: (identifier) @name alias: (identifier) @alias)))
  source: (string) @source)
; What a file exports by default is mostly called as here.
(import_statement (import_clause (identifier) @name) source: (string) @source)
; All of a module.
(import_statement (import_clause (namespace_import)) source: (string) @source)
; `const { name } = require("source")`
(variable_declarator
  name: (object_pattern (shorthand_property_identifier_pattern) @name)
  value: (call_expression function: (identifier) @call arguments: (arguments (string) @source))
  (#eq? @call "require"))
(variable_declarator
  name: (identifier) @name
  value: (call_expression function: (identifier) @call arguments: (arguments (string) @source))
  (#eq? @call "require"))
