-- Record queues and agents that new events name and whose configuration object is disabled, or missing where people keep such objects.
-- grain   source, object
-- reads   new_event (temporary), gidb.alias, cfg.source, cfg.object
-- writes  ctl.fk_violation
-- rule    told, never a reason to stop: the events are loaded all the same. An object is named alone or after its source; an agent by
--         any of the names by which the source knows it. Where nobody keeps objects of a kind, none is missing
WITH named AS (
    SELECT source_key, 'queue' AS kind, queue AS name, at FROM new_event WHERE queue IS NOT NULL
    UNION ALL
    SELECT source_key, 'agent', member, at FROM new_event WHERE member IS NOT NULL
),
counted AS (
    SELECT source_key, kind, name, count(*) AS row_count, min(at) AS first_at, max(at) AS last_at
    FROM named
    GROUP BY source_key, kind, name
),
kept AS (
    SELECT DISTINCT kind FROM cfg.object WHERE kind IN ('queue', 'agent') AND NOT discovered
),
found AS (
    SELECT counted.*, object.enabled
    FROM counted
    JOIN cfg.source AS source USING (source_key)
    LEFT JOIN gidb.alias AS alias ON counted.kind = 'agent' AND alias.source_key = counted.source_key AND alias.name = counted.name
    LEFT JOIN LATERAL (
        SELECT bool_or(object.enabled) AS enabled
        FROM cfg.object
        WHERE object.kind = counted.kind
          AND (
              object.name IN (counted.name, source.name || '/' || counted.name, source.name || '/' || alias.root)
              OR counted.kind = 'agent'
              AND object.properties ->> 'natural_name' IN (counted.name, alias.root)
              AND coalesce(object.properties ->> 'source', source.name) = source.name
          )
    ) AS object ON true
)
INSERT INTO ctl.fk_violation AS known (source_key, object_kind, object_name, code, row_count, first_at, last_at, extract_key)
SELECT source_key, kind, name, CASE WHEN enabled IS NULL THEN 'missing' ELSE 'disabled' END, row_count, first_at, last_at, %(batch)s
FROM found
WHERE enabled IS NOT TRUE AND (enabled IS NOT NULL OR kind IN (SELECT kept.kind FROM kept))
ON CONFLICT (source_key, object_kind, object_name) DO UPDATE
SET
    code = excluded.code,
    row_count = known.row_count + excluded.row_count,
    first_at = least(known.first_at, excluded.first_at),
    last_at = greatest(known.last_at, excluded.last_at),
    extract_key = excluded.extract_key
