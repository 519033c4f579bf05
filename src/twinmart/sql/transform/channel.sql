-- What became of each working channel.
-- grain   channel
-- reads   call_event (temporary), gidb.switch_boot, gidb.event, gidb.channel_link, gidb.alias
-- writes  nothing
-- rule    a channel without an end of its own ended with the switch, at the last instant the switch was heard of; or, if a later
--         list of the switch's channels does not name it, when it was heard of last itself; both ends are abnormal, as is one that we set
--         ourselves. What the switch answers when asked counts only where it has not told by itself. User data tells nothing of the
--         channel, and may come after it
WITH told AS (
    SELECT
        source_key,
        root_id,
        channel_id,
        CASE
            WHEN bool_or(kind = 'channel_start') THEN min(at) FILTER (WHERE kind NOT IN ('channel_seen', 'queue_caller_seen'))
            ELSE min(at)
        END AS first_at,
        coalesce(max(at) FILTER (WHERE kind NOT IN ('channel_seen', 'queue_caller_seen')), max(at)) AS last_at,
        coalesce(min(at) FILTER (WHERE kind = 'channel_start'), min(at) FILTER (WHERE kind = 'channel_seen')) AS start_at,
        coalesce(
            min(at) FILTER (WHERE kind = 'channel_up' OR (kind = 'channel_start' AND value = 'Up')),
            min(at) FILTER (WHERE kind = 'channel_seen' AND value = 'Up')
        ) AS up_at,
        min(at) FILTER (WHERE kind = 'channel_end') AS end_at,
        min(value) FILTER (WHERE kind = 'channel_end') AS end_cause,
        bool_or(kind = 'channel_end' AND detail @> '{"artificial": true}') AS is_artificial,
        min(channel) FILTER (WHERE kind IN ('channel_start', 'channel_seen', 'channel_up', 'channel_end')) AS channel_name,
        coalesce(
            min(number) FILTER (WHERE kind = 'channel_start'),
            min(number) FILTER (WHERE kind = 'channel_seen'),
            min(number) FILTER (WHERE kind = 'queue_enter')
        ) AS number,
        CASE
            WHEN bool_or(kind = 'channel_start') THEN min(target) FILTER (WHERE kind = 'channel_start')
            ELSE min(target) FILTER (WHERE kind = 'channel_seen')
        END AS target,
        min(value) FILTER (WHERE kind = 'channel_start') AS start_state
    FROM call_event
    WHERE kind <> 'user_data'
    GROUP BY source_key, root_id, channel_id
)
SELECT
    told.source_key,
    told.root_id,
    told.channel_id,
    told.channel_name,
    gidb.device(told.channel_name) AS device,
    told.channel_name LIKE 'Local/%%' AS is_local,
    agent.resource_key AS agent_key,
    told.number,
    told.target,
    told.start_state,
    told.end_cause,
    told.first_at,
    coalesce(told.start_at, told.first_at) AS start_at,
    told.up_at,
    coalesce(told.end_at, closed.end_at) AS end_at,
    (told.end_at IS NULL AND closed.end_at IS NOT NULL) OR told.is_artificial IS TRUE AS is_abnormal,
    EXISTS (
        SELECT
        FROM gidb.channel_link AS link
        WHERE link.source_key = told.source_key AND link.channel_id = told.channel_id AND link.cause = 'consult'
    ) AS is_consult
FROM told
LEFT JOIN gidb.alias AS agent ON agent.source_key = told.source_key AND agent.name = gidb.device(told.channel_name)
LEFT JOIN LATERAL (
    SELECT CASE
        WHEN EXISTS (
            SELECT
            FROM gidb.event AS snapshot
            WHERE snapshot.source_key = told.source_key
              AND snapshot.kind = 'channel_snapshot'
              AND snapshot.at > told.last_at + interval '5 seconds'
              AND snapshot.at < coalesce(boot.boot_at, 'infinity')
              AND NOT snapshot.detail -> 'channels' ? told.channel_id
        ) THEN told.last_at
        ELSE CASE WHEN boot.boot_at IS NOT NULL THEN greatest(boot.last_heard_at, told.last_at) END
    END AS end_at
    FROM (VALUES (true)) AS always
    LEFT JOIN LATERAL (
        SELECT switch_boot.boot_at, switch_boot.last_heard_at
        FROM gidb.switch_boot
        WHERE switch_boot.source_key = told.source_key
          AND switch_boot.boot_at > told.last_at
          AND switch_boot.last_heard_at < switch_boot.boot_at
        ORDER BY switch_boot.boot_at
        LIMIT 1
    ) AS boot ON true
) AS closed ON told.end_at IS NULL
