-- Rows of mart.ixn_resource_state_fact for the working interactions.
-- grain   resource in an interaction, state
-- reads   interaction (temporary), leg (temporary), leg_phase (temporary), leg_wrap (temporary)
-- writes  nothing
-- rule    adjoining pieces of the same phase are one state; after-call work follows the end of the talk
WITH run AS (
    SELECT
        source_key,
        attempt_id,
        phase,
        at_ms,
        until_ms,
        count(*) FILTER (WHERE begins) OVER (PARTITION BY source_key, attempt_id ORDER BY at_ms) AS run_no
    FROM leg_phase
),
state AS (
    SELECT source_key, attempt_id, phase, min(at_ms) AS start_ms,
        CASE WHEN bool_and(until_ms IS NOT NULL) THEN max(until_ms) END AS end_ms
    FROM run
    GROUP BY source_key, attempt_id, run_no, phase
    UNION ALL
    SELECT source_key, attempt_id, 'wrap', mart.epoch_ms(end_at), mart.epoch_ms(end_at) + wrap_ms
    FROM leg_wrap
)
SELECT
    1 AS tenant_key,
    state.start_ms / 900000 * 900 AS start_date_time_key,
    mart.fact_key(state.start_ms, 'STATE|' || leg.source_name || '|' || leg.attempt_id || '|' || state.start_ms) AS ixn_resource_state_fact_key,
    interaction.interaction_id,
    mart.fact_key(mart.epoch_ms(leg.start_at), 'RESOURCE|' || leg.source_name || '|' || leg.attempt_id) AS interaction_resource_id,
    mart.date_time_key(leg.start_at) AS interaction_resource_sdt_key,
    leg.source_key,
    1 AS media_type_key,
    interaction.interaction_type_key,
    leg.resource_key,
    CASE state.phase
        WHEN 'ring' THEN 1
        WHEN 'dial' THEN 2
        WHEN 'talk' THEN 3
        WHEN 'hold' THEN 5
        ELSE 7
    END + (state.phase IN ('talk', 'hold', 'wrap') AND leg.kind IN ('outbound', 'internal_out', 'consult_out'))::integer
        AS interaction_resource_state_key,
    leg.target_address,
    to_timestamp(state.start_ms / 1000.0) AS start_at,
    to_timestamp(state.end_ms / 1000.0) AS end_at,
    state.end_ms / 900000 * 900 AS end_date_time_key,
    state.end_ms - state.start_ms AS total_duration_ms,
    (state.end_ms IS NULL)::integer::smallint AS active_flag
FROM state
JOIN leg USING (source_key, attempt_id)
JOIN interaction ON interaction.source_key = leg.source_key AND interaction.root_id = leg.root_id AND NOT interaction.is_broken
