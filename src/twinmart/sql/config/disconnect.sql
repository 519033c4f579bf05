-- Undo a connection.
-- grain   connection
-- reads   nothing
-- writes  cfg.connection
-- rule    the other is told as kind and name with a slash between
DELETE FROM cfg.connection
WHERE from_key = mart.dimension_key(upper(%(kind)s) || '|' || %(name)s)
  AND to_key = mart.dimension_key(upper(split_part(%(item)s, '/', 1)) || '|' || substr(%(item)s, strpos(%(item)s, '/') + 1))
