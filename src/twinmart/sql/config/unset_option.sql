-- Take an option away from an object.
-- grain   option
-- reads   nothing
-- writes  cfg.option
-- rule    the history is written beside it
DELETE FROM cfg.option
WHERE object_key = mart.dimension_key(upper(%(kind)s) || '|' || %(name)s) AND section = %(section)s AND name = %(item)s
