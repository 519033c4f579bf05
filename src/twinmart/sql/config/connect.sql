-- Connect an object to another.
-- grain   connection
-- reads   nothing
-- writes  cfg.connection
-- rule    the other is told as kind and name with a slash between
INSERT INTO cfg.connection (from_key, to_key)
VALUES (
    mart.dimension_key(upper(%(kind)s) || '|' || %(name)s),
    mart.dimension_key(upper(split_part(%(item)s, '/', 1)) || '|' || substr(%(item)s, strpos(%(item)s, '/') + 1))
)
ON CONFLICT DO NOTHING
