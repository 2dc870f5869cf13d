; Python: which names a file takes from others.

(import_from_statement module_name: (_) @source name: (dotted_name (identifier) @name))
(import_from_statement module_name: (_) @source
  name: (aliased_import name: (dotted_name (identifier) @name) alias: (identifier) @alias))
; All of a module, under its own name or another.
(import_from_statement module_name: (_) @source (wildcard_import))
(import_statement name: (dotted_name) @source)
(import_statement name: (aliased_import name: (dotted_name) @source))
