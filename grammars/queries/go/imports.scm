; Go: which packages a file takes from. Their names are written with the package in front.

(import_spec path: (interpreted_string_literal) @source)
