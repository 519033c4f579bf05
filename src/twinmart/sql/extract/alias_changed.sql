-- Write which name stands for each agent, as computed from the evidence, and mark everything that stood under another name.
-- grain   name
-- reads   gidb.alias, gidb.channel_link, mart.interaction_resource_fact, mart.interaction_fact, cfg.source
-- writes  gidb.alias, gidb.touched_resource, gidb.touched_call
-- rule    facts carry the agent of today's knowledge: when a name turns out to be another agent's, calls and states move. Calls are
--         found by the phones in them, and by whom their facts name: a member that was offered a call need not have a phone in it
WITH wanted AS (
    SELECT
        source.source_key,
        claim.name,
        claim.root,
        mart.dimension_key('AGENT|' || source.name || '|' || claim.root) AS resource_key,
        mart.dimension_key('EXTERNAL|' || source.name || '|' || claim.name) AS stranger_key
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
    SELECT link.source_key, link.linked_id, %(batch)s::bigint
    FROM changed
    JOIN gidb.channel_link AS link ON link.source_key = changed.source_key AND link.device = changed.name
    UNION
    SELECT ixn.source_key, ixn.media_server_root_ixn_guid, %(batch)s::bigint
    FROM (SELECT old_key FROM changed UNION SELECT stranger_key FROM changed) AS former (resource_key)
    JOIN mart.interaction_resource_fact AS part USING (resource_key)
    JOIN mart.interaction_fact AS ixn
        ON ixn.tenant_key = part.tenant_key
        AND ixn.start_date_time_key = part.interaction_date_time_key
        AND ixn.interaction_id = part.interaction_id
    ON CONFLICT (source_key, linked_id) DO UPDATE SET batch = excluded.batch
)
SELECT name FROM changed
