-- The events of an interaction, in order.
-- grain   event
-- reads   gidb.event
-- writes  nothing
-- rule    an event belongs to the interaction of the channel that it is about
SELECT
    %(source)s::text AS source,
    event_id,
    at,
    kind,
    channel_id,
    linked_id,
    other_id,
    bridge_id,
    channel,
    queue,
    member,
    number,
    target,
    value,
    reason,
    detail,
    batch
FROM gidb.event
WHERE source_key = %(source_key)s AND channel_id = ANY (%(channels)s)
ORDER BY at, event_id
