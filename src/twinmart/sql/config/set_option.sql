-- Set an option on an object.
-- grain   option
-- reads   nothing
-- writes  cfg.option
-- rule    the history is written beside it
INSERT INTO cfg.option (object_key, section, name, value)
VALUES (mart.dimension_key(upper(%(kind)s) || '|' || %(name)s), %(section)s, %(item)s, %(new)s)
ON CONFLICT (object_key, section, name) DO UPDATE SET value = excluded.value
