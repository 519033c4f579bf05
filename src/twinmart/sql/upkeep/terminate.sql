-- End channels artificially that nobody will end any more; answers with how many for each reason.
-- grain   channel
-- reads   gidb.open_channel, gidb.channel_link, gidb.login_call, gidb.event, ctl.extract_watermark, cfg.collector, ctl.counter
-- writes  gidb.event, gidb.touched_call
-- rule    stuck: the call has had no event for call_s while its source went on talking; it ends with its last event. too-old: the channel
--         is open for active_s; it ends then. Told by an event of our own that every later event of the channel refutes. Channels on
--         which an agent waits for work are not in a call
WITH heard AS (
    SELECT collector.source_key, max(mark.last_event_at) AS at
    FROM ctl.extract_watermark AS mark
    JOIN cfg.collector AS collector USING (collector_key)
    GROUP BY collector.source_key
),
open AS (
    SELECT open.source_key, open.channel_id, heard.at AS heard_at
    FROM gidb.open_channel AS open
    JOIN heard USING (source_key)
    WHERE NOT EXISTS (
        SELECT
        FROM gidb.channel_link AS link
        JOIN gidb.login_call AS waiting USING (source_key, linked_id)
        WHERE link.source_key = open.source_key AND link.channel_id = open.channel_id
    )
      AND NOT EXISTS (
        SELECT
        FROM gidb.event AS ended
        WHERE ended.source_key = open.source_key AND ended.channel_id = open.channel_id AND ended.kind = 'channel_end'
    )
),
timed AS (
    SELECT open.*, own.first_at, own.last_at, own.linked_id, own.channel, coalesce(call.last_at, own.last_at) AS call_at
    FROM open
    CROSS JOIN LATERAL (
        SELECT min(event.at) AS first_at, max(event.at) AS last_at, min(event.linked_id) AS linked_id, min(event.channel) AS channel
        FROM gidb.event
        WHERE event.source_key = open.source_key AND event.channel_id = open.channel_id
    ) AS own
    CROSS JOIN LATERAL (
        SELECT max(event.at) AS last_at
        FROM gidb.channel_link AS link
        JOIN gidb.channel_link AS other ON other.source_key = link.source_key AND other.linked_id = link.linked_id
        JOIN gidb.event ON event.source_key = other.source_key AND event.channel_id = other.channel_id
        WHERE link.source_key = open.source_key AND link.channel_id = open.channel_id
    ) AS call
    WHERE own.first_at IS NOT NULL
),
due AS (
    SELECT
        timed.*,
        CASE WHEN call_at < heard_at - make_interval(secs => %(call_s)s) THEN 'stuck' ELSE 'too-old' END AS reason,
        CASE
            WHEN call_at < heard_at - make_interval(secs => %(call_s)s) THEN call_at
            ELSE first_at + make_interval(secs => %(active_s)s)
        END AS end_at
    FROM timed
    WHERE call_at < heard_at - make_interval(secs => %(call_s)s) OR first_at < heard_at - make_interval(secs => %(active_s)s)
),
told AS (
    INSERT INTO gidb.event (event_id, at, source_key, kind, channel_id, linked_id, channel, value, reason, detail, batch)
    SELECT
        mart.fact_key(mart.epoch_ms(end_at), 'TERMINATED|' || source_key || '|' || channel_id), end_at, source_key, 'channel_end',
        channel_id, coalesce(linked_id, channel_id), channel, '0', reason, '{"artificial": true}',
        (SELECT value FROM ctl.counter WHERE name = 'batch')
    FROM due
    ON CONFLICT DO NOTHING
    RETURNING source_key, channel_id, reason
),
touched AS (
    INSERT INTO gidb.touched_call (source_key, linked_id, batch)
    SELECT DISTINCT link.source_key, link.linked_id, (SELECT value FROM ctl.counter WHERE name = 'batch')
    FROM told
    JOIN gidb.channel_link AS link USING (source_key, channel_id)
    ON CONFLICT (source_key, linked_id) DO UPDATE SET batch = excluded.batch
)
SELECT reason, count(*) FROM told GROUP BY reason
