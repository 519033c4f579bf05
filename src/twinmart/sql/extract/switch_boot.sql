-- Learn of starts of the switch, and until when it was heard before each; answers with the earliest that may change.
-- grain   start of the switch
-- reads   new_event (temporary), gidb.event, gidb.switch_boot
-- writes  gidb.switch_boot
-- rule    a switch was heard with every event that has its time stamp; a late event moves the last instant. Where nothing was heard
--         before, that is the start itself; and so it is where another collector put the same start some seconds before, since one that
--         is told an age only is wrong by a second or two: such a start ends nothing
WITH boot AS (
    SELECT source_key, boot_at, min(known_at) AS known_at
    FROM (
        SELECT source_key, at AS boot_at, NULL::timestamptz AS known_at FROM new_event WHERE kind = 'switch_boot'
        UNION ALL
        SELECT earlier.source_key, earlier.boot_at, earlier.last_heard_at
        FROM gidb.switch_boot AS earlier
        WHERE earlier.source_key = %(source_key)s
          AND EXISTS (
              SELECT
              FROM new_event
              WHERE at < earlier.boot_at
                AND (
                    at > earlier.last_heard_at
                    OR earlier.last_heard_at = earlier.boot_at
                    OR (kind = 'switch_boot' AND at > earlier.boot_at - interval '3 seconds')
                )
          )
    ) AS told
    GROUP BY source_key, boot_at
),
found AS (
    SELECT
        boot.source_key,
        boot.boot_at,
        boot.known_at,
        CASE
            WHEN NOT EXISTS (
                SELECT
                FROM gidb.event AS same
                WHERE same.source_key = boot.source_key
                  AND same.kind = 'switch_boot'
                  AND same.at < boot.boot_at
                  AND same.at > boot.boot_at - interval '3 seconds'
            ) THEN coalesce(heard.last_at, boot.boot_at)
            ELSE boot.boot_at
        END AS last_heard_at
    FROM boot
    LEFT JOIN LATERAL (
        SELECT event.at AS last_at
        FROM gidb.event
        WHERE event.source_key = boot.source_key AND event.at < boot.boot_at AND event.kind <> 'switch_boot'
        ORDER BY event.at DESC
        LIMIT 1
    ) AS heard ON true
),
written AS (
    INSERT INTO gidb.switch_boot AS known (source_key, boot_at, last_heard_at)
    SELECT source_key, boot_at, last_heard_at FROM found
    ON CONFLICT (source_key, boot_at) DO UPDATE SET last_heard_at = excluded.last_heard_at
    WHERE known.last_heard_at IS DISTINCT FROM excluded.last_heard_at
    RETURNING boot_at
)
SELECT found.boot_at, found.last_heard_at, least(found.known_at, found.last_heard_at) AS from_at
FROM found
JOIN written USING (boot_at)
ORDER BY found.boot_at
