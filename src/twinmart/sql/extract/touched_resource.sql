-- Mark the agents of whom new events tell, with the earliest moment that may change.
-- grain   agent
-- reads   new_event (temporary), gidb.alias, mart.resource_group_fact_, gidb.switch_boot
-- writes  gidb.touched_resource
-- rule    an event that finds the agent logged in unbeknown to us also tells since when; a complete list of members tells who is no
--         longer there
INSERT INTO gidb.touched_resource AS known (resource_key, from_at, batch)
SELECT resource_key, min(from_at), %(batch)s::bigint
FROM (
    SELECT
        told.resource_key,
        CASE
            WHEN EXISTS (
                SELECT
                FROM mart.resource_group_fact_ AS membership
                WHERE membership.resource_key = told.resource_key
                  AND membership.active_flag = 1
                  AND membership.start_at <= told.first_at
            ) THEN told.first_at
            ELSE least(told.first_at, told.login_at)
        END AS from_at
    FROM (
        SELECT
            alias.resource_key,
            min(event.at) AS first_at,
            to_timestamp(min(nullif((event.detail ->> 'login')::bigint, 0))) AS login_at
        FROM new_event AS event
        JOIN gidb.alias ON alias.source_key = event.source_key AND alias.name = gidb.device(event.member)
        WHERE event.kind IN ('member_add', 'member_remove', 'member_pause', 'member_penalty', 'member_status', 'member_seen')
        GROUP BY alias.resource_key
    ) AS told
    UNION ALL
    SELECT membership.resource_key, snapshot.at
    FROM new_event AS snapshot
    JOIN mart.resource_group_fact_ AS membership
        ON membership.source_key = snapshot.source_key AND membership.active_flag = 1 AND membership.start_at < snapshot.at
    WHERE snapshot.kind = 'member_snapshot'
      AND NOT EXISTS (
          SELECT
          FROM jsonb_array_elements(snapshot.detail -> 'members') AS listed
          JOIN gidb.alias ON alias.source_key = snapshot.source_key AND alias.name = gidb.device(listed ->> 1)
          JOIN mart.group_ AS team ON team.group_key = membership.group_key
          WHERE alias.resource_key = membership.resource_key AND listed ->> 0 = team.group_name
      )
) AS news
GROUP BY resource_key
ON CONFLICT (resource_key) DO UPDATE SET from_at = least(known.from_at, excluded.from_at)
