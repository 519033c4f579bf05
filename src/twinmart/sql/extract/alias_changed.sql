-- Write which name stands for each agent, as computed from the evidence, and mark everything that stood under another name.
-- grain   name
-- reads   gidb.alias, gidb.channel_link, cfg.source
-- writes  gidb.alias, gidb.touched_resource, gidb.touched_call, mart.resource_
-- rule    facts carry the agent of today's knowledge: when a name turns out to be another agent's, calls and states move
WITH wanted AS (
    SELECT
        source.source_key,
        claim.name,
        claim.root,
        mart.dimension_key('AGENT|' || source.name || '|' || claim.root) AS resource_key
    FROM unnest(%(names)s::text[], %(roots)s::text[]) AS claim (name, root)
    JOIN cfg.source AS source ON source.source_key = %(source_key)s
),
changed AS (
    SELECT wanted.*, known.resource_key AS old_key
    FROM wanted
    LEFT JOIN gidb.alias AS known ON known.source_key = wanted.source_key AND known.name = wanted.name
    WHERE known.root IS DISTINCT FROM wanted.root
),
written AS (
    INSERT INTO gidb.alias AS known (source_key, name, root, resource_key)
    SELECT source_key, name, root, resource_key FROM changed
    ON CONFLICT (source_key, name) DO UPDATE SET root = excluded.root, resource_key = excluded.resource_key
),
touched AS (
    INSERT INTO gidb.touched_resource AS known (resource_key, from_at, batch)
    SELECT resource_key, '-infinity'::timestamptz, %(batch)s::bigint FROM changed
    UNION
    SELECT old_key, '-infinity', %(batch)s::bigint FROM changed WHERE old_key IS NOT NULL
    ON CONFLICT (resource_key) DO UPDATE SET from_at = excluded.from_at
),
called AS (
    INSERT INTO gidb.touched_call (source_key, linked_id, batch)
    SELECT DISTINCT link.source_key, link.linked_id, %(batch)s::bigint
    FROM changed
    JOIN gidb.channel_link AS link ON link.source_key = changed.source_key AND link.device = changed.name
    ON CONFLICT (source_key, linked_id) DO UPDATE SET batch = excluded.batch
),
renamed AS (
    DELETE FROM mart.resource_
    USING changed
    WHERE resource_.source_key = changed.source_key
      AND resource_.resource_type_code = 'EXTERNAL'
      AND resource_.natural_name = changed.name
)
SELECT name FROM changed
