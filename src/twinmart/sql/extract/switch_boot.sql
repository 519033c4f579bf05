-- Learn of starts of the switch, and until when it was heard before each.
-- grain   start of the switch
-- reads   new_event (temporary), gidb.event, gidb.switch_boot
-- writes  gidb.switch_boot
-- rule    a switch was heard with every event that has its time stamp; a late event moves the last instant
INSERT INTO gidb.switch_boot AS known (source_key, boot_at, last_heard_at)
SELECT boot.source_key, boot.boot_at, coalesce(heard.last_at, boot.boot_at)
FROM (
    SELECT source_key, at AS boot_at FROM new_event WHERE kind = 'switch_boot'
    UNION
    SELECT earlier.source_key, earlier.boot_at
    FROM gidb.switch_boot AS earlier
    WHERE earlier.source_key = %(source_key)s
      AND EXISTS (SELECT FROM new_event WHERE at < earlier.boot_at AND at > earlier.last_heard_at)
) AS boot
LEFT JOIN LATERAL (
    SELECT event.at AS last_at
    FROM gidb.event
    WHERE event.source_key = boot.source_key AND event.at < boot.boot_at AND event.kind <> 'switch_boot'
    ORDER BY event.at DESC
    LIMIT 1
) AS heard ON true
ON CONFLICT (source_key, boot_at) DO UPDATE SET last_heard_at = excluded.last_heard_at
WHERE known.last_heard_at IS DISTINCT FROM excluded.last_heard_at
RETURNING boot_at, last_heard_at
