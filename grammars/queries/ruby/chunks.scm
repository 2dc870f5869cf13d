; Ruby: what is one retrievable unit of a file, and what it is called.

(module name: (_) @name) @chunk
(class name: (_) @name) @chunk
(singleton_class value: (_) @name) @chunk
(method name: (_) @name) @chunk
(singleton_method name: (_) @name) @chunk
; Constants and tables.
(assignment left: (constant) @name) @chunk
