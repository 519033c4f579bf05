-- Mark interactions to be computed anew: those of a slice, by the hash of their names.
-- grain   interaction
-- reads   gidb.interaction, gidb.event, gidb.touched_call, gidb.open_channel
-- writes  gidb.touched_call
-- rule    only where all events are still kept; one that goes on, or has news waiting, is left to the loader. The mark is a batch
--         that no extraction has
INSERT INTO gidb.touched_call (source_key, linked_id, batch)
SELECT interaction.source_key, interaction.root_id, -1
FROM gidb.interaction
WHERE mod(hashtextextended(interaction.root_id, %(seed)s) & 9223372036854775807, %(slices)s) = %(slice)s
  AND interaction.start_date_time_key >= (SELECT mart.date_time_key(min(event.at)) FROM gidb.event)
  AND NOT EXISTS (
      SELECT
      FROM gidb.open_channel AS open
      WHERE open.source_key = interaction.source_key AND open.linked_id = interaction.root_id
  )
ON CONFLICT (source_key, linked_id) DO NOTHING
