-- Forget open channels that have no links any more.
-- grain   channel
-- reads   gidb.channel_link
-- writes  gidb.open_channel
-- rule    only a channel of a known call can be closed by a later start of the switch
DELETE FROM gidb.open_channel AS open
WHERE NOT EXISTS (
    SELECT FROM gidb.channel_link AS link WHERE link.source_key = open.source_key AND link.channel_id = open.channel_id
)
