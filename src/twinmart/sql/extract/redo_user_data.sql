-- Mark the calls of a span, so that they are computed anew, and learn the links of calls across switches by the keys of now.
-- grain   call
-- reads   gidb.interaction, gidb.event, cfg.user_data_wanted
-- writes  gidb.touched_call, gidb.across_link
-- rule    only interactions of which every event is still kept: others would be lost. What only keys tell that link no more is forgotten.
--         Answers with how many calls were marked
WITH kept AS (
    SELECT source.source_key, mart.date_time_key(first.at) + 900 AS from_key
    FROM cfg.source AS source
    CROSS JOIN LATERAL (
        SELECT event.at FROM gidb.event WHERE event.source_key = source.source_key ORDER BY event.at LIMIT 1
    ) AS first
),
linked AS (
    INSERT INTO gidb.across_link (source_key, channel_id, value)
    SELECT DISTINCT event.source_key, event.channel_id, event.value
    FROM gidb.event
    JOIN cfg.user_data_wanted AS wanted
        ON wanted.source_key = event.source_key AND wanted.key_name = event.target AND wanted.is_link AND NOT wanted.is_masked
    WHERE event.kind = 'user_data'
      AND event.at >= to_timestamp(%(from_key)s)
      AND event.at < to_timestamp(%(to_key)s)
      AND length(event.value) >= 8
    ON CONFLICT DO NOTHING
),
forgotten AS (
    DELETE FROM gidb.across_link AS link
    USING gidb.event AS told
    WHERE told.kind = 'user_data'
      AND told.at >= to_timestamp(%(from_key)s)
      AND told.at < to_timestamp(%(to_key)s)
      AND link.source_key = told.source_key
      AND link.channel_id = told.channel_id
      AND link.value = told.value
      AND NOT EXISTS (
          SELECT
          FROM gidb.event AS event
          JOIN cfg.user_data_wanted AS wanted
              ON wanted.source_key = event.source_key AND wanted.key_name = event.target AND wanted.is_link AND NOT wanted.is_masked
          WHERE event.kind = 'user_data'
            AND event.source_key = link.source_key
            AND event.channel_id = link.channel_id
            AND event.value = link.value
      )
),
touched AS (
    INSERT INTO gidb.touched_call (source_key, linked_id, batch)
    SELECT known.source_key, known.root_id, (SELECT value FROM ctl.counter WHERE name = 'batch')
    FROM gidb.interaction AS known
    JOIN kept USING (source_key)
    WHERE known.start_date_time_key >= greatest(%(from_key)s, kept.from_key)
      AND known.start_date_time_key < %(to_key)s
    ON CONFLICT DO NOTHING
    RETURNING linked_id
)
SELECT count(*) FROM touched
