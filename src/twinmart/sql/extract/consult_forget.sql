-- Take back consultations that later news disproved, and mark the calls that they joined.
-- grain   channel, call
-- reads   consult_candidate (temporary), consult_found (temporary)
-- writes  gidb.channel_link, gidb.touched_call
-- rule    the link goes when the same phone turns out to have had no call up, or another one
WITH gone AS (
    DELETE FROM gidb.channel_link AS link
    USING consult_candidate AS placed
    WHERE link.source_key = placed.source_key
      AND link.channel_id = placed.channel_id
      AND link.cause = 'consult'
      AND NOT EXISTS (
          SELECT
          FROM consult_found AS found
          WHERE found.source_key = link.source_key
            AND found.channel_id = link.channel_id
            AND found.held_linked_id = link.linked_id
      )
    RETURNING link.source_key, link.linked_id, placed.linked_id AS placed_linked_id
)
INSERT INTO gidb.touched_call (source_key, linked_id, batch)
SELECT source_key, linked_id, %(batch)s::bigint FROM gone
UNION
SELECT source_key, placed_linked_id, %(batch)s::bigint FROM gone
ON CONFLICT (source_key, linked_id) DO UPDATE SET batch = excluded.batch
