-- The events of the working channels.
-- grain   event
-- reads   working_channel (temporary), gidb.event
-- writes  nothing
-- rule    an event belongs to the interaction of the channel that it is about; a second channel counts only if it belongs there too,
--         so that what an interaction comes to never depends on which others are computed with it
SELECT
    event.source_key,
    channel.root_id,
    event.channel_id,
    event.at,
    event.event_id,
    event.kind,
    other.channel_id AS other_id,
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
LEFT JOIN working_channel AS other
    ON other.source_key = event.source_key AND other.channel_id = event.other_id AND other.root_id = channel.root_id
