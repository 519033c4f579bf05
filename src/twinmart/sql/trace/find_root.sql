-- The interactions of a root call whose events are no longer kept.
-- grain   interaction; the latest of each source
-- reads   mart.interaction_fact, cfg.source
-- writes  nothing
-- rule    facts are kept longer than events
SELECT DISTINCT ON (source.name)
    source.source_key,
    source.name AS source,
    interaction.media_server_root_ixn_guid AS call_id,
    interaction.interaction_id,
    interaction.start_date_time_key AS date_time_key
FROM cfg.source AS source
JOIN mart.interaction_fact AS interaction
    ON interaction.source_key = source.source_key AND interaction.media_server_root_ixn_guid = %(id)s
WHERE %(source)s::text IS NULL OR source.name = %(source)s
ORDER BY source.name, interaction.start_date_time_key DESC
