; Rust: which names a file takes from others. The innermost path is enough to find a file by.

(use_declaration argument: (scoped_identifier path: (_) @source name: (identifier) @name))
(use_declaration argument: (use_as_clause
  path: (scoped_identifier path: (_) @source name: (identifier) @name) alias: (identifier) @alias))
(scoped_use_list path: (_) @source list: (use_list (identifier) @name))
(scoped_use_list path: (_) @source
  list: (use_list (use_as_clause path: (identifier) @name alias: (identifier) @alias)))
(use_list (scoped_identifier path: (_) @source name: (identifier) @name))
; All of a module.
(use_wildcard (_) @source)
