-- Spans in which an agent served a queue, paused or not.
-- grain   interface, queue, span
-- reads   working_resource (temporary), gidb.alias, gidb.member_queue, gidb.event, gidb.switch_boot
-- writes  nothing
-- rule    from being added until being removed, the death of the switch (after all that was heard of it), or a complete list without
--         the member. Who is found serving unbeknown to us has served since the login time that the switch tells. What the switch
--         answered when asked counts only if nothing happened within two seconds, since such answers carry no time of their own. A
--         span lasts while nothing differs, and knows since when, even if it began before the moment on. OFFSET 0 keeps the planner
--         to looking each member up by itself, from the moment on
WITH served AS (
    SELECT resource.resource_key, resource.window_at, serving.source_key, serving.member, serving.queue
    FROM working_resource AS resource
    JOIN gidb.alias ON alias.resource_key = resource.resource_key
    JOIN gidb.member_queue AS serving ON serving.source_key = alias.source_key AND serving.name = alias.name
    OFFSET 0
),
told AS (
    SELECT served.resource_key, served.source_key, served.member, served.queue, served.window_at AS at, past.at AS told_at, NULL::uuid AS event_id,
        'carried' AS kind, past.kind <> 'member_remove' AS is_member, coalesce(past.value = '1', false) AS is_paused,
        CASE WHEN past.value = '1' THEN past.reason END AS reason, NULL::bigint AS login, coalesce(begun.at, past.at) AS since_at
    FROM served
    CROSS JOIN LATERAL (
        SELECT event.kind, event.value, event.reason, event.at
        FROM gidb.event
        WHERE event.source_key = served.source_key
          AND event.member = served.member
          AND event.queue = served.queue
          AND event.channel_id IS NULL
          AND event.at < served.window_at
          AND (event.value IS NOT NULL OR event.kind = 'member_remove')
          AND NOT (
              event.kind = 'member_seen'
              AND EXISTS (
                  SELECT
                  FROM gidb.event AS other
                  WHERE other.source_key = event.source_key
                    AND other.member = event.member
                    AND other.queue = event.queue
                    AND other.channel_id IS NULL
                    AND other.at BETWEEN event.at - interval '2 seconds' AND event.at + interval '2 seconds'
                    AND other.event_id <> event.event_id
              )
          )
        ORDER BY event.at DESC, event.event_id DESC
        LIMIT 1
    ) AS past
    LEFT JOIN LATERAL (
        SELECT other.at
        FROM gidb.event AS other
        WHERE other.source_key = served.source_key
          AND other.member = served.member
          AND other.queue = served.queue
          AND other.channel_id IS NULL
          AND other.at < past.at
          AND (other.value IS NOT NULL OR other.kind = 'member_remove')
          AND (other.kind = 'member_remove' OR other.value <> '1' OR other.reason IS DISTINCT FROM past.reason)
        ORDER BY other.at DESC
        LIMIT 1
    ) AS different ON past.value = '1'
    LEFT JOIN LATERAL (
        SELECT event.at
        FROM gidb.event
        WHERE event.source_key = served.source_key
          AND event.member = served.member
          AND event.queue = served.queue
          AND event.channel_id IS NULL
          AND event.at > coalesce(different.at, '-infinity')
          AND event.at <= past.at
          AND event.value IS NOT NULL
        ORDER BY event.at
        LIMIT 1
    ) AS begun ON past.value = '1'
    WHERE NOT EXISTS (
            SELECT FROM gidb.switch_boot AS boot
            WHERE boot.source_key = served.source_key AND boot.boot_at > past.at AND boot.last_heard_at < served.window_at
        )
      AND NOT EXISTS (
            SELECT FROM gidb.event AS list
            WHERE list.source_key = served.source_key
              AND list.kind = 'member_snapshot'
              AND list.at > past.at + interval '2 seconds'
              AND list.at < served.window_at
              AND NOT list.detail -> 'members' @> jsonb_build_array(jsonb_build_array(served.queue, served.member))
        )
    UNION ALL
    SELECT served.resource_key, served.source_key, served.member, served.queue, event.at, event.at, event.event_id,
        event.kind, event.kind <> 'member_remove', coalesce(event.value = '1', false), CASE WHEN event.value = '1' THEN event.reason END,
        event.login, event.at
    FROM served
    CROSS JOIN LATERAL (
        SELECT event.at, event.event_id, event.kind, event.value, event.reason, (event.detail ->> 'login')::bigint AS login
        FROM gidb.event
        WHERE event.source_key = served.source_key
          AND event.member = served.member
          AND event.queue = served.queue
          AND event.channel_id IS NULL
          AND event.at >= served.window_at
          AND (event.value IS NOT NULL OR event.kind = 'member_remove')
        OFFSET 0
    ) AS event
    UNION ALL
    SELECT served.resource_key, served.source_key, served.member, served.queue, boot.last_heard_at, boot.last_heard_at, NULL,
        'boot', false, false, NULL, NULL, boot.last_heard_at
    FROM served
    JOIN gidb.switch_boot AS boot ON boot.source_key = served.source_key AND boot.last_heard_at >= served.window_at
    UNION ALL
    SELECT served.resource_key, served.source_key, served.member, served.queue, list.at, list.at, list.event_id,
        'unlisted', false, false, NULL, NULL, list.at
    FROM served
    CROSS JOIN LATERAL (
        SELECT list.at, list.event_id
        FROM gidb.event AS list
        WHERE list.source_key = served.source_key
          AND list.kind = 'member_snapshot'
          AND list.at >= served.window_at
          AND NOT list.detail -> 'members' @> jsonb_build_array(jsonb_build_array(served.queue, served.member))
        OFFSET 0
    ) AS list
),
spaced AS (
    SELECT
        *,
        lag(told_at) OVER course AS at_before,
        lead(told_at) OVER course AS at_after
    FROM told
    WINDOW course AS (PARTITION BY source_key, member, queue ORDER BY at, kind <> 'carried', kind = 'boot', kind = 'member_seen', event_id)
),
counted AS (
    SELECT
        *,
        coalesce(lag(is_member) OVER course, false) AS was_member,
        lag(told_at) OVER course AS before_at
    FROM spaced
    WHERE kind NOT IN ('member_seen', 'unlisted')
       OR (
            coalesce(at_before, '-infinity') < at - interval '2 seconds'
            AND coalesce(at_after, 'infinity') > at + interval '2 seconds'
        )
       OR at_before IS NULL
    WINDOW course AS (PARTITION BY source_key, member, queue ORDER BY at, kind <> 'carried', kind = 'boot', kind = 'member_seen', event_id)
),
timed AS (
    SELECT
        resource_key,
        source_key,
        member,
        queue,
        event_id,
        kind,
        is_member,
        is_paused,
        reason,
        at,
        CASE
            WHEN is_member AND NOT was_member AND kind NOT IN ('member_add', 'carried') AND login > 0
                THEN least(at, greatest(to_timestamp(login), before_at))
            ELSE at
        END AS start_at,
        since_at,
        is_member = lag(is_member) OVER course
            AND is_paused = lag(is_paused) OVER course
            AND reason IS NOT DISTINCT FROM lag(reason) OVER course AS goes_on
    FROM counted
    WINDOW course AS (PARTITION BY source_key, member, queue ORDER BY at, kind <> 'carried', kind = 'boot', kind = 'member_seen', event_id)
)
SELECT resource_key, source_key, member, queue, is_paused, reason, start_at, end_at, since_at, is_abnormal, is_carried
FROM (
    SELECT
        resource_key,
        source_key,
        member,
        queue,
        is_paused,
        reason,
        start_at,
        lead(start_at) OVER course AS end_at,
        CASE WHEN kind = 'carried' THEN since_at ELSE start_at END AS since_at,
        lead(kind) OVER course = 'boot' AS is_abnormal,
        kind = 'carried' AS is_carried,
        is_member
    FROM timed
    WHERE goes_on IS NOT TRUE
    WINDOW course AS (PARTITION BY source_key, member, queue ORDER BY at, kind <> 'carried', kind = 'boot', kind = 'member_seen', event_id)
) AS span
WHERE is_member
