-- Write down one change of an object.
-- grain   change
-- reads   nothing
-- writes  cfg.history
-- rule    rows are only ever added
INSERT INTO cfg.history (object_key, revision, aspect, section, name, old_value, new_value, changed_at, author, reason)
VALUES (
    mart.dimension_key(upper(%(kind)s) || '|' || %(name)s), %(revision)s, %(aspect)s, %(section)s, %(item)s, %(old)s, %(new)s, %(at)s,
    %(author)s, %(reason)s
)
