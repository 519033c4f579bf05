-- Make an object, or write what it is now.
-- grain   object
-- reads   nothing
-- writes  cfg.object
-- rule    the caller holds the lock of the configuration and counts the revision
INSERT INTO cfg.object (object_key, kind, name, enabled, discovered, revision, properties, created_at, changed_at)
VALUES (
    mart.dimension_key(upper(%(kind)s) || '|' || %(name)s), %(kind)s, %(name)s, %(enabled)s, %(discovered)s, %(revision)s,
    %(properties)s, %(at)s, %(at)s
)
ON CONFLICT (object_key) DO UPDATE SET
    enabled = excluded.enabled,
    discovered = excluded.discovered,
    revision = excluded.revision,
    properties = excluded.properties,
    changed_at = excluded.changed_at
