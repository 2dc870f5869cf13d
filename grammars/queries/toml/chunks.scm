; TOML: tables, and the keys above the first of them.

(table . (_) @name) @chunk
(table_array_element . (_) @name) @chunk
(document (pair . (_) @name) @chunk)
