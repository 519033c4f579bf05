-- The states of resources inside an interaction, in order.
-- grain   resource in an interaction, state
-- reads   mart.ixn_resource_state_fact, mart.interaction_resource_state
-- writes  nothing
-- rule    the states of one resource tile its part
SELECT
    fact.ixn_resource_state_fact_key,
    fact.interaction_resource_id,
    state.state_name AS state,
    state.state_role AS role,
    fact.start_at,
    fact.end_at,
    fact.total_duration_ms AS duration_ms,
    fact.create_audit_key,
    fact.update_audit_key,
    to_jsonb(fact) AS fact
FROM mart.ixn_resource_state_fact AS fact
LEFT JOIN mart.interaction_resource_state AS state USING (interaction_resource_state_key)
WHERE fact.interaction_id = %(interaction_id)s AND fact.start_date_time_key >= %(date_time_key)s
ORDER BY fact.start_at, fact.interaction_resource_id
