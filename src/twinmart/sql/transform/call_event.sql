-- The events of the working channels.
-- grain   event
-- reads   working_channel (temporary), gidb.event
-- writes  nothing
-- rule    an event belongs to the interaction of the channel that it is about
SELECT
    event.source_key,
    channel.root_id,
    event.channel_id,
    event.at,
    event.event_id,
    event.kind,
    event.other_id,
    event.bridge_id,
    event.channel,
    event.queue,
    event.member,
    event.number,
    event.target,
    event.value,
    event.detail
FROM working_channel AS channel
JOIN gidb.event USING (source_key, channel_id)
