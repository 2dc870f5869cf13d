; Java: which names a file takes from others.

(import_declaration (scoped_identifier scope: (_) @source name: (identifier) @name) .)
; All of a package.
(import_declaration (scoped_identifier) @source (asterisk))
