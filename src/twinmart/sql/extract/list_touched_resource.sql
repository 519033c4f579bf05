-- Mark the agents who serve a queue by what is known so far and are missing from a complete list of members.
-- grain   agent
-- reads   new_event (temporary), mart.resource_group_fact_, mart.group_, gidb.alias, gidb.member_queue, gidb.event
-- writes  gidb.touched_resource
-- rule    every interface that an agent served with counts by itself, unless it is known to serve no longer. A membership that was only
--         found later to span the list may not have done so, so the whole of it is looked at again; agents with other news are looked
--         at from the list on
WITH list AS (
    SELECT row_number() OVER () AS list_no, source_key, at, detail -> 'members' AS members
    FROM new_event
    WHERE kind = 'member_snapshot'
),
listed AS (
    SELECT DISTINCT list.list_no, member.value ->> 0 AS queue, member.value ->> 1 AS member
    FROM list
    CROSS JOIN LATERAL jsonb_array_elements(list.members) AS member
)
INSERT INTO gidb.touched_resource AS known (resource_key, from_at, batch)
SELECT resource_key, min(from_at), %(batch)s::bigint
FROM (
    SELECT membership.resource_key, least(membership.start_at, list.at - interval '2 seconds') AS from_at
    FROM list
    JOIN mart.resource_group_fact_ AS membership
        ON membership.source_key = list.source_key
        AND membership.start_at <= list.at
        AND (membership.end_at IS NULL OR membership.end_at >= date_trunc('milliseconds', list.at))
    JOIN mart.group_ AS team USING (group_key)
    JOIN gidb.alias ON alias.resource_key = membership.resource_key AND alias.source_key = list.source_key
    JOIN gidb.member_queue AS serving
        ON serving.source_key = alias.source_key AND serving.name = alias.name AND serving.queue = team.group_name
    LEFT JOIN listed
        ON listed.list_no = list.list_no AND listed.queue = serving.queue AND listed.member = serving.member
    LEFT JOIN LATERAL (
        SELECT event.kind
        FROM gidb.event
        WHERE event.source_key = serving.source_key
          AND event.member = serving.member
          AND event.queue = serving.queue
          AND event.channel_id IS NULL
          AND event.at <= list.at
          AND (event.value IS NOT NULL OR event.kind = 'member_remove')
        ORDER BY event.at DESC, event.event_id DESC
        LIMIT 1
    ) AS past ON listed.member IS NULL
    WHERE listed.member IS NULL AND past.kind IS DISTINCT FROM 'member_remove'
    UNION ALL
    SELECT touched.resource_key, list.at - interval '2 seconds'
    FROM list
    JOIN gidb.touched_resource AS touched ON true
    WHERE EXISTS (SELECT FROM gidb.alias WHERE alias.resource_key = touched.resource_key AND alias.source_key = list.source_key)
) AS news
GROUP BY resource_key
ON CONFLICT (resource_key) DO UPDATE SET from_at = least(known.from_at, excluded.from_at)
