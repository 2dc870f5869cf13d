; CSS: what is one retrievable unit of a file, and what it is called.

(rule_set (selectors) @name) @chunk
(keyframes_statement (keyframes_name) @name) @chunk
(media_statement (_) @name (block)) @chunk
(supports_statement (_) @name (block)) @chunk
