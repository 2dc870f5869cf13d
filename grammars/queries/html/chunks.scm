; HTML: what is one retrievable unit of a file, and what it is called.

; What links and scripts can point at.
(element
  (start_tag
    (attribute (attribute_name) @_key (quoted_attribute_value (attribute_value) @name))
    (#eq? @_key "id"))) @chunk
; Headings.
(element
  (start_tag (tag_name) @_tag) . (text) @name
  (#match? @_tag "^[hH][1-6]$")) @chunk
(script_element (start_tag (tag_name) @name)) @chunk
(style_element (start_tag (tag_name) @name)) @chunk
