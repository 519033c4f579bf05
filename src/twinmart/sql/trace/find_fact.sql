-- The interaction of a fact, by the key of the fact.
-- grain   interaction; one row or none
-- reads   mart.interaction_fact, mart.interaction_resource_fact, mart.mediation_segment_fact, mart.ixn_resource_state_fact,
--         mart.tenant, cfg.source
-- writes  nothing
-- rule    a key begins with the milliseconds of the fact's start, so the interval of the start, and with it the partition, is known
WITH fact AS (
    SELECT tenant_key, interaction_id, start_date_time_key AS interaction_date_time_key
    FROM mart.interaction_fact
    WHERE tenant_key IN (SELECT tenant_key FROM mart.tenant)
      AND start_date_time_key = %(date_time_key)s
      AND interaction_id = %(key)s
    UNION ALL
    SELECT tenant_key, interaction_id, interaction_date_time_key
    FROM mart.interaction_resource_fact
    WHERE tenant_key IN (SELECT tenant_key FROM mart.tenant)
      AND start_date_time_key = %(date_time_key)s
      AND interaction_resource_id = %(key)s
    UNION ALL
    SELECT tenant_key, interaction_id, interaction_date_time_key
    FROM mart.mediation_segment_fact
    WHERE tenant_key IN (SELECT tenant_key FROM mart.tenant)
      AND start_date_time_key = %(date_time_key)s
      AND mediation_segment_id = %(key)s
    UNION ALL
    SELECT state.tenant_key, part.interaction_id, part.interaction_date_time_key
    FROM mart.ixn_resource_state_fact AS state
    JOIN mart.interaction_resource_fact AS part
        ON part.tenant_key = state.tenant_key
        AND part.start_date_time_key = state.interaction_resource_sdt_key
        AND part.interaction_resource_id = state.interaction_resource_id
    WHERE state.tenant_key IN (SELECT tenant_key FROM mart.tenant)
      AND state.start_date_time_key = %(date_time_key)s
      AND state.ixn_resource_state_fact_key = %(key)s
)
SELECT
    interaction.source_key,
    source.name AS source,
    interaction.media_server_root_ixn_guid AS call_id,
    interaction.interaction_id,
    interaction.start_date_time_key AS date_time_key
FROM fact
JOIN mart.interaction_fact AS interaction
    ON interaction.tenant_key = fact.tenant_key
    AND interaction.start_date_time_key = fact.interaction_date_time_key
    AND interaction.interaction_id = fact.interaction_id
LEFT JOIN cfg.source AS source USING (source_key)
WHERE %(source)s::text IS NULL OR source.name = %(source)s
