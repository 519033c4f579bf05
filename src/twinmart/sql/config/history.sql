-- What was changed in the configuration.
-- grain   change
-- reads   cfg.history, cfg.object
-- writes  nothing
-- rule    the newest first; the changes of one revision together
SELECT
    object.kind,
    object.name AS object,
    history.revision,
    history.aspect,
    history.section,
    history.name,
    history.old_value AS old,
    history.new_value AS new,
    history.changed_at AS at,
    history.author,
    history.reason
FROM cfg.history AS history
JOIN cfg.object AS object USING (object_key)
WHERE (%(kind)s::text IS NULL OR object.kind = %(kind)s)
  AND (%(name)s::text IS NULL OR object.name = %(name)s)
  AND (%(since)s::timestamptz IS NULL OR history.changed_at >= %(since)s)
ORDER BY history.changed_at DESC, object.kind, object.name, history.revision DESC, history.aspect DESC, history.section DESC, history.name DESC
LIMIT %(most)s
