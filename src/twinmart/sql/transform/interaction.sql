-- The interactions themselves, once for each of their parts: a part is the calls of one source that are joined by their channels.
-- grain   part of an interaction; nearly every interaction has one
-- reads   channel (temporary), joined (temporary), visit (temporary), working_call (temporary), leg (temporary), broken (temporary),
--         gidb.across_link, cfg.source
-- writes  nothing
-- rule    from the first event, or since a caller waits, to the end of the last channel. Whose phone began it decides the direction: an
--         agent's is outbound when it reached a number outside, internal otherwise; everybody else's is inbound. An agent's phone that
--         was called began nothing; a Local channel is no phone, but one that entered a queue stands for a caller. Of an interaction on
--         several switches the part that began gives the name and the direction; the line to the other switch is no number outside
WITH call AS (
    SELECT source_key, root_id, count(*) AS call_count FROM working_call GROUP BY source_key, root_id
),
outward AS (
    SELECT DISTINCT leg.source_key, leg.root_id
    FROM leg
    LEFT JOIN joined USING (source_key, root_id)
    WHERE leg.kind IN ('outbound', 'external')
      AND (
          joined.whole_id IS NULL
          OR (
              leg.kind = 'external'
              AND NOT EXISTS (
                  SELECT FROM gidb.across_link AS link WHERE link.source_key = leg.source_key AND link.channel_id = leg.phone_id
              )
          )
      )
),
part AS (
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
whole AS (
    SELECT
        part.source_key,
        part.root_id,
        coalesce(joined.whole_key, part.source_key) AS whole_key,
        coalesce(joined.whole_id, part.root_id) AS whole_id,
        min(part.start_at) OVER of_whole AS start_at,
        CASE WHEN bool_and(part.end_at IS NOT NULL) OVER of_whole THEN max(part.end_at) OVER of_whole END AS end_at,
        bool_or(part.is_abnormal) OVER of_whole AS is_abnormal,
        bool_or(broken.code IS NOT NULL) OVER of_whole AS is_broken,
        bool_or(outward.root_id IS NOT NULL) OVER of_whole AS is_outward,
        sum(call.call_count) OVER of_whole AS call_count
    FROM part
    JOIN call USING (source_key, root_id)
    LEFT JOIN joined USING (source_key, root_id)
    LEFT JOIN outward USING (source_key, root_id)
    LEFT JOIN broken USING (source_key, root_id)
    WINDOW of_whole AS (PARTITION BY coalesce(joined.whole_key, part.source_key), coalesce(joined.whole_id, part.root_id))
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
)
SELECT
    whole.source_key,
    source.name AS source_name,
    whole.root_id,
    (whole.source_key, whole.root_id) = (whole.whole_key, whole.whole_id) AS is_root,
    mart.fact_key(mart.epoch_ms(whole.start_at), 'INTERACTION|' || began.name || '|' || whole.whole_id) AS interaction_id,
    mart.date_time_key(whole.start_at) AS start_date_time_key,
    CASE
        WHEN NOT first.is_agents THEN 1
        WHEN whole.is_outward THEN 2
        ELSE 3
    END AS interaction_type_key,
    whole.call_count,
    first.number AS source_address,
    first.target AS target_address,
    CASE WHEN whole.is_broken THEN 2 WHEN whole.is_abnormal THEN 1 ELSE 0 END AS status,
    whole.start_at,
    whole.end_at,
    whole.is_broken
FROM whole
JOIN cfg.source AS source ON source.source_key = whole.source_key
JOIN cfg.source AS began ON began.source_key = whole.whole_key
JOIN first ON first.source_key = whole.whole_key AND first.root_id = whole.whole_id
