-- Values that the calls of the working interactions carried, each time one was told.
-- grain   value told of a channel
-- reads   call_event (temporary), interaction (temporary)
-- writes  nothing
-- rule    what any channel of an interaction carries belongs to the interaction. A value is a change if the last one told under its key,
--         on whatever channel, was another: a channel that is dialled may be handed the values of its caller. NULL: cleared
SELECT
    interaction.interaction_id,
    event.source_key,
    event.channel_id,
    event.at,
    event.event_id,
    event.target AS key,
    event.value,
    event.value IS DISTINCT FROM lag(event.value) OVER (
        PARTITION BY interaction.interaction_id, event.target ORDER BY event.at, event.event_id
    ) AS is_change
FROM call_event AS event
JOIN interaction ON interaction.source_key = event.source_key AND interaction.root_id = event.root_id AND NOT interaction.is_broken
WHERE event.kind = 'user_data'
