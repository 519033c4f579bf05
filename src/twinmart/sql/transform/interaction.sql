-- The interactions themselves.
-- grain   interaction
-- reads   channel (temporary), visit (temporary), working_call (temporary), leg (temporary), broken (temporary), cfg.source
-- writes  nothing
-- rule    from the first event, or since a caller waits, to the end of the last channel. Whose phone began it decides the direction: an
--         agent's is outbound when it reached a number outside, internal otherwise; everybody else's is inbound. An agent's phone that
--         was called began nothing; a Local channel is no phone, but one that entered a queue stands for a caller
WITH whole AS (
    SELECT
        channel.source_key,
        channel.root_id,
        least(min(channel.first_at), min(waited.start_at)) AS start_at,
        CASE WHEN bool_and(channel.end_at IS NOT NULL) THEN max(greatest(channel.end_at, channel.first_at)) END AS end_at,
        bool_or(channel.is_abnormal) AS is_abnormal
    FROM channel
    LEFT JOIN (
        SELECT source_key, root_id, min(start_at) AS start_at FROM visit GROUP BY source_key, root_id
    ) AS waited USING (source_key, root_id)
    GROUP BY channel.source_key, channel.root_id
),
first AS (
    SELECT DISTINCT ON (channel.source_key, channel.root_id)
        channel.source_key, channel.root_id, channel.number, channel.target, placed.attempt_id IS NOT NULL AS is_agents
    FROM channel
    LEFT JOIN leg AS placed
        ON placed.source_key = channel.source_key AND placed.attempt_id = channel.channel_id
        AND placed.kind IN ('outbound', 'internal_out', 'consult_out')
    ORDER BY
        channel.source_key,
        channel.root_id,
        placed.attempt_id IS NULL AND CASE
            WHEN channel.is_local THEN NOT EXISTS (
                SELECT FROM visit WHERE visit.source_key = channel.source_key AND visit.channel_id = channel.channel_id
            )
            ELSE channel.agent_key IS NOT NULL
        END,
        channel.start_at,
        channel.channel_id <> channel.root_id,
        channel.channel_id
),
call AS (
    SELECT source_key, root_id, count(*) AS call_count FROM working_call GROUP BY source_key, root_id
),
outward AS (
    SELECT DISTINCT source_key, root_id FROM leg WHERE kind IN ('outbound', 'external')
)
SELECT
    whole.source_key,
    source.name AS source_name,
    whole.root_id,
    mart.fact_key(mart.epoch_ms(whole.start_at), 'INTERACTION|' || source.name || '|' || whole.root_id) AS interaction_id,
    mart.date_time_key(whole.start_at) AS start_date_time_key,
    CASE
        WHEN NOT first.is_agents THEN 1
        WHEN outward.root_id IS NOT NULL THEN 2
        ELSE 3
    END AS interaction_type_key,
    call.call_count,
    first.number AS source_address,
    first.target AS target_address,
    CASE WHEN broken.code IS NOT NULL THEN 2 WHEN whole.is_abnormal THEN 1 ELSE 0 END AS status,
    whole.start_at,
    whole.end_at,
    broken.code IS NOT NULL AS is_broken
FROM whole
JOIN cfg.source AS source USING (source_key)
JOIN first USING (source_key, root_id)
JOIN call USING (source_key, root_id)
LEFT JOIN outward USING (source_key, root_id)
LEFT JOIN broken USING (source_key, root_id)
