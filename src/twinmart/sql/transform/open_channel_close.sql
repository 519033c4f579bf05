-- Forget open channels that have ended.
-- grain   channel
-- reads   call_event (temporary)
-- writes  gidb.open_channel
-- rule    only an end that the switch told counts
DELETE FROM gidb.open_channel AS open
USING call_event AS event
WHERE event.kind = 'channel_end' AND open.source_key = event.source_key AND open.channel_id = event.channel_id
