-- Spans in which an agent served a queue, paused or not.
-- grain   interface, queue, span
-- reads   working_resource (temporary), gidb.alias, gidb.member_queue, gidb.event, gidb.switch_boot
-- writes  nothing
-- rule    from being added until being removed, the death of the switch (after all that was heard of it), or a complete list without
--         the member. Who is found serving unbeknown to us has served since the login time that the switch tells, but not longer than
--         we know of the contrary. What the switch answered when asked counts only if nothing happened within two seconds, since such
--         answers carry no time of their own. A span lasts while nothing differs, and knows since when. To know how things stood at
--         the moment of recomputation, all is heard again since the last time that the member was surely not paused. OFFSET 0 keeps
--         the planner to looking each member up by itself
WITH served AS (
    SELECT resource.resource_key, resource.from_at, serving.source_key, serving.member, serving.queue
    FROM working_resource AS resource
    JOIN gidb.alias ON alias.resource_key = resource.resource_key
    JOIN gidb.member_queue AS serving ON serving.source_key = alias.source_key AND serving.name = alias.name
    OFFSET 0
),
since AS (
    SELECT served.*, coalesce(sure.at, '-infinity') AS at, sure.event_id
    FROM served
    LEFT JOIN LATERAL (
        SELECT event.at, event.event_id
        FROM gidb.event
        WHERE event.source_key = served.source_key
          AND event.member = served.member
          AND event.queue = served.queue
          AND event.channel_id IS NULL
          AND event.at < served.from_at
          AND (event.value <> '1' OR event.kind = 'member_remove')
          AND NOT (
              event.kind = 'member_seen'
              AND EXISTS (
                  SELECT
                  FROM gidb.event AS news
                  WHERE news.source_key = served.source_key
                    AND news.member = served.member
                    AND news.queue = served.queue
                    AND news.channel_id IS NULL
                    AND news.at BETWEEN event.at - interval '2 seconds' AND event.at + interval '2 seconds'
                    AND news.kind <> 'member_seen'
                    AND (news.value IS NOT NULL OR news.kind = 'member_remove')
              )
          )
        ORDER BY event.at DESC, event.event_id DESC
        LIMIT 1
    ) AS sure ON true
    OFFSET 0
),
heard AS MATERIALIZED (
    SELECT since.resource_key, since.from_at, since.source_key, since.member, since.queue, event.*
    FROM since
    CROSS JOIN LATERAL (
        SELECT event.at, event.event_id, event.kind, event.kind <> 'member_remove' AS is_member,
            event.kind <> 'member_remove' AND event.value = '1' AS is_paused,
            CASE WHEN event.kind <> 'member_remove' AND event.value = '1' THEN event.reason END AS reason,
            (event.detail ->> 'login')::bigint AS login
        FROM gidb.event
        WHERE event.source_key = since.source_key
          AND event.member = since.member
          AND event.queue = since.queue
          AND event.channel_id IS NULL
          AND event.at >= since.at
          AND (since.event_id IS NULL OR (event.at, event.event_id) >= (since.at, since.event_id))
          AND (event.value IS NOT NULL OR event.kind = 'member_remove')
        OFFSET 0
    ) AS event
),
known AS (
    SELECT resource_key, from_at, source_key, member, queue, min(at) AS at, min(at) FILTER (WHERE is_member) AS member_at
    FROM heard
    GROUP BY resource_key, from_at, source_key, member, queue
),
told AS (
    SELECT * FROM heard
    UNION ALL
    SELECT known.resource_key, known.from_at, known.source_key, known.member, known.queue, boot.last_heard_at, NULL, 'boot', false, false,
        NULL, NULL
    FROM known
    JOIN gidb.switch_boot AS boot
        ON boot.source_key = known.source_key AND boot.last_heard_at >= known.at AND boot.last_heard_at < boot.boot_at
    UNION ALL
    SELECT known.resource_key, known.from_at, known.source_key, known.member, known.queue, list.at, list.event_id, 'unlisted', false, false,
        NULL, NULL
    FROM known
    CROSS JOIN LATERAL (
        SELECT list.at, list.event_id
        FROM gidb.event AS list
        WHERE list.source_key = known.source_key
          AND list.kind = 'member_snapshot'
          AND list.at > known.member_at
          AND NOT list.detail -> 'members' @> jsonb_build_array(jsonb_build_array(known.queue, known.member))
        OFFSET 0
    ) AS list
),
counted AS (
    SELECT *, coalesce(lag(is_member) OVER course, false) AS was_member
    FROM told
    WHERE kind NOT IN ('member_seen', 'unlisted')
       OR NOT EXISTS (
            SELECT
            FROM gidb.event AS news
            WHERE news.source_key = told.source_key
              AND news.member = told.member
              AND news.queue = told.queue
              AND news.channel_id IS NULL
              AND news.at BETWEEN told.at - interval '2 seconds' AND told.at + interval '2 seconds'
              AND news.kind <> 'member_seen'
              AND (news.value IS NOT NULL OR news.kind = 'member_remove')
        )
    WINDOW course AS (PARTITION BY source_key, member, queue ORDER BY at, kind = 'boot', kind = 'member_seen', event_id)
),
timed AS (
    SELECT
        *,
        CASE
            WHEN is_member AND NOT was_member AND kind <> 'member_add' AND login > 0
                THEN least(at, greatest(to_timestamp(least(login, 4102444800)), lag(at) OVER course))
            ELSE at
        END AS start_at,
        is_member = lag(is_member) OVER course
            AND is_paused = lag(is_paused) OVER course
            AND reason IS NOT DISTINCT FROM lag(reason) OVER course AS goes_on
    FROM counted
    WHERE kind <> 'unlisted' OR was_member
    WINDOW course AS (PARTITION BY source_key, member, queue ORDER BY at, kind = 'boot', kind = 'member_seen', event_id)
),
span AS (
    SELECT
        resource_key,
        source_key,
        member,
        queue,
        is_paused,
        reason,
        greatest(start_at, from_at) AS start_at,
        lead(start_at) OVER course AS end_at,
        at AS since_at,
        coalesce(lead(kind) OVER course = 'boot', false) AS is_abnormal,
        start_at < from_at AS is_carried,
        is_member,
        from_at
    FROM timed
    WHERE goes_on IS NOT TRUE
    WINDOW course AS (PARTITION BY source_key, member, queue ORDER BY at, kind = 'boot', kind = 'member_seen', event_id)
)
SELECT resource_key, source_key, member, queue, is_paused, reason, start_at, end_at, since_at, is_abnormal, is_carried
FROM span
WHERE is_member AND (end_at IS NULL OR end_at >= from_at)
