-- The calls and channels that make one interaction, gathered as the transformation does, and how its news stands.
-- grain   one row
-- reads   gidb.channel_link, gidb.login_call, gidb.interaction, gidb.touched_call
-- writes  nothing
-- rule    calls that share a channel belong together; the line on which an agent of a pool waits belongs to none of them, and is
--         traced by itself
WITH RECURSIVE waiting AS (
    SELECT linked_id, channel_id, member
    FROM gidb.login_call
    WHERE source_key = %(source_key)s AND %(call_id)s IN (linked_id, channel_id)
),
call AS (
    SELECT linked_id
    FROM waiting
    UNION
    SELECT link.linked_id
    FROM gidb.channel_link AS link
    WHERE link.source_key = %(source_key)s
      AND (link.channel_id = %(call_id)s OR link.linked_id = %(call_id)s)
      AND NOT EXISTS (SELECT FROM waiting)
      AND NOT EXISTS (
          SELECT FROM gidb.login_call AS login WHERE login.source_key = link.source_key AND login.linked_id = link.linked_id
      )
    UNION
    SELECT other.linked_id
    FROM call
    JOIN gidb.channel_link AS one ON one.source_key = %(source_key)s AND one.linked_id = call.linked_id
    JOIN gidb.channel_link AS other ON other.source_key = one.source_key AND other.channel_id = one.channel_id
    WHERE NOT EXISTS (SELECT FROM waiting)
      AND NOT EXISTS (
          SELECT
          FROM gidb.login_call AS login
          WHERE login.source_key = one.source_key AND (login.channel_id = one.channel_id OR login.linked_id = other.linked_id)
      )
),
channel AS (
    SELECT link.channel_id
    FROM call
    JOIN gidb.channel_link AS link ON link.source_key = %(source_key)s AND link.linked_id = call.linked_id
    WHERE CASE
        WHEN EXISTS (SELECT FROM waiting) THEN link.channel_id IN (SELECT channel_id FROM waiting)
        ELSE NOT EXISTS (
            SELECT FROM gidb.login_call AS login WHERE login.source_key = link.source_key AND login.channel_id = link.channel_id
        )
    END
)
SELECT
    coalesce((SELECT array_agg(DISTINCT linked_id ORDER BY linked_id) FROM call), '{}') AS calls,
    coalesce((SELECT array_agg(DISTINCT channel_id ORDER BY channel_id) FROM channel), '{}') AS channels,
    (SELECT min(member) FROM waiting) AS waiting_agent,
    (
        SELECT max(touched.batch)
        FROM gidb.touched_call AS touched
        WHERE touched.source_key = %(source_key)s AND touched.linked_id IN (SELECT linked_id FROM call)
    ) AS pending_batch,
    known.interaction_id,
    known.start_date_time_key AS date_time_key
FROM (VALUES (true)) AS always
LEFT JOIN (
    SELECT interaction_id, start_date_time_key
    FROM gidb.interaction
    WHERE source_key = %(source_key)s AND root_id IN (SELECT linked_id FROM call)
    ORDER BY root_id
    LIMIT 1
) AS known ON true
