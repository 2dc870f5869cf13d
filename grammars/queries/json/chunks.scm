; JSON: the keys of the top level.

(document (object (pair key: (string (string_content) @name)) @chunk))
