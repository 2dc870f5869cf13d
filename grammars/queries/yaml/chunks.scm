; YAML: the keys of each document's top level.

(document (block_node (block_mapping (block_mapping_pair key: (_) @name) @chunk)))
