-- The events of an agent over the span of a fact.
-- grain   event
-- reads   gidb.alias, gidb.member_queue, gidb.event
-- writes  nothing
-- rule    what was told of the member in its queues, and what phones of the agent did, from the begin to the end
SELECT event.at, event.event_id, event.kind, event.channel_id, event.batch
FROM gidb.alias
JOIN gidb.member_queue AS serving ON serving.source_key = alias.source_key AND serving.name = alias.name
JOIN gidb.event ON event.source_key = serving.source_key AND event.member = serving.member AND event.queue = serving.queue
WHERE alias.resource_key = %(resource_key)s
  AND event.at >= %(start_at)s::timestamptz
  AND event.at < coalesce(%(end_at)s::timestamptz, 'infinity') + interval '1 millisecond'
UNION
SELECT event.at, event.event_id, event.kind, event.channel_id, event.batch
FROM gidb.alias
JOIN gidb.channel_link AS link ON link.source_key = alias.source_key AND link.device = alias.name
JOIN gidb.event ON event.source_key = link.source_key AND event.channel_id = link.channel_id
WHERE alias.resource_key = %(resource_key)s
  AND event.at >= %(start_at)s::timestamptz
  AND event.at < coalesce(%(end_at)s::timestamptz, 'infinity') + interval '1 millisecond'
ORDER BY at, event_id
