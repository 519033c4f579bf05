-- The calls of other parts of an interaction: those at other switches, or at the same one where only a value that both carry joins them.
-- grain   root call of a part
-- reads   mart.interaction_resource_fact, gidb.channel_link, gidb.interaction, cfg.source
-- writes  nothing
-- rule    a part stands under the name of the interaction, and each took in a resource
SELECT DISTINCT
    known.source_key,
    source.name AS source,
    known.root_id AS call_id,
    known.interaction_id,
    known.start_date_time_key AS date_time_key
FROM mart.interaction_resource_fact AS fact
JOIN gidb.channel_link AS link USING (source_key, channel_id)
JOIN gidb.interaction AS known ON known.source_key = link.source_key AND known.root_id = link.linked_id
LEFT JOIN cfg.source AS source ON source.source_key = known.source_key
WHERE fact.interaction_id = %(interaction_id)s
  AND fact.start_date_time_key >= %(date_time_key)s
  AND known.interaction_id = fact.interaction_id
  AND NOT (known.source_key = %(source_key)s AND known.root_id = ANY (%(calls)s))
ORDER BY source, call_id
