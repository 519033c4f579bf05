-- The sources that ever named a call or a channel so.
-- grain   source
-- reads   gidb.channel_link, cfg.source
-- writes  nothing
-- rule    every event with a channel has left a link
SELECT
    source.source_key,
    source.name AS source,
    %(id)s::text AS call_id,
    NULL::uuid AS interaction_id,
    NULL::bigint AS date_time_key
FROM cfg.source AS source
WHERE (%(source)s::text IS NULL OR source.name = %(source)s)
  AND (
      EXISTS (
          SELECT FROM gidb.channel_link AS link WHERE link.source_key = source.source_key AND link.channel_id = %(id)s
      )
      OR EXISTS (
          SELECT FROM gidb.channel_link AS link WHERE link.source_key = source.source_key AND link.linked_id = %(id)s
      )
  )
ORDER BY source.name
