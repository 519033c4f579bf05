-- Rows of mart.interaction_fact for the working interactions.
-- grain   interaction
-- reads   interaction (temporary), leg (temporary)
-- writes  nothing
-- rule    a discarded interaction leaves this row alone; the anchor is the first resource that handled a customer
SELECT
    1 AS tenant_key,
    interaction.start_date_time_key,
    interaction.interaction_id,
    interaction.source_key,
    1 AS media_type_key,
    interaction.interaction_type_key,
    interaction.root_id AS media_server_root_ixn_guid,
    interaction.call_count::integer AS call_count,
    interaction.source_address,
    interaction.target_address,
    interaction.status::smallint AS status,
    interaction.start_at,
    interaction.end_at,
    mart.date_time_key(interaction.end_at) AS end_date_time_key,
    mart.epoch_ms(interaction.end_at) - mart.epoch_ms(interaction.start_at) AS duration_ms,
    (interaction.end_at IS NULL)::integer::smallint AS active_flag,
    mart.fact_key(mart.epoch_ms(anchor.start_at), 'RESOURCE|' || anchor.source_name || '|' || anchor.attempt_id) AS anchor_id,
    mart.date_time_key(anchor.start_at) AS anchor_date_time_key
FROM interaction
LEFT JOIN (
    SELECT DISTINCT ON (part.interaction_id) part.interaction_id, leg.source_name, leg.attempt_id, leg.start_at
    FROM leg
    JOIN interaction AS part USING (source_key, root_id)
    WHERE leg.answered_at IS NOT NULL AND (leg.kind IN ('direct', 'outbound') OR (leg.kind = 'queue' AND NOT leg.is_from_agent))
    ORDER BY part.interaction_id, leg.answered_at, leg.attempt_id, leg.source_key
) AS anchor ON anchor.interaction_id = interaction.interaction_id AND NOT interaction.is_broken
WHERE interaction.is_root
