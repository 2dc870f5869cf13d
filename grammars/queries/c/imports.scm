; C: which files a file takes from.

(preproc_include path: (_) @source)
