-- The visits of an interaction to queues, in order.
-- grain   visit of a channel to a queue
-- reads   mart.mediation_segment_fact, cfg.source, mart.interaction_resource_fact, mart.resource_, mart.technical_descriptor
-- writes  nothing
-- rule    the agent is the one who answered
SELECT
    source.name AS source,
    fact.mediation_segment_id,
    fact.channel_id,
    queue.natural_name AS queue,
    fact.entry_ordinal,
    fact.entered_by,
    fact.position,
    fact.offer_count,
    fact.result,
    outcome.technical_result,
    outcome.result_reason,
    agent.resource_name AS agent,
    fact.target_ixn_resource_id,
    fact.start_at,
    fact.end_at,
    fact.total_duration_ms AS wait_ms,
    fact.create_audit_key,
    fact.update_audit_key,
    to_jsonb(fact) AS fact
FROM mart.mediation_segment_fact AS fact
LEFT JOIN cfg.source AS source ON source.source_key = fact.source_key
LEFT JOIN mart.resource_ AS queue ON queue.resource_key = fact.resource_key
LEFT JOIN mart.technical_descriptor AS outcome USING (technical_descriptor_key)
LEFT JOIN mart.interaction_resource_fact AS answer
    ON answer.tenant_key = fact.tenant_key
    AND answer.start_date_time_key = fact.target_ixn_resource_sdt_key
    AND answer.interaction_resource_id = fact.target_ixn_resource_id
LEFT JOIN mart.resource_ AS agent ON agent.resource_key = answer.resource_key
WHERE fact.interaction_id = %(interaction_id)s AND fact.start_date_time_key >= %(date_time_key)s
ORDER BY fact.start_at, fact.channel_id, fact.entry_ordinal
