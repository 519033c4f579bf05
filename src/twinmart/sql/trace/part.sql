-- The parts that resources took in an interaction, in order.
-- grain   resource's part in an interaction
-- reads   mart.interaction_resource_fact, cfg.source, mart.resource_, mart.technical_descriptor
-- writes  nothing
-- rule    a phase's length is the sum over the families, which never overlap; consultations between agents are counted in them already
SELECT
    source.name AS source,
    fact.interaction_resource_id,
    fact.interaction_resource_ordinal AS ordinal,
    fact.channel_id,
    resource.resource_type_code AS resource_type,
    resource.natural_name AS resource,
    resource.resource_name,
    fact.attempt_kind,
    descriptor.resource_role,
    descriptor.role_reason,
    descriptor.technical_result,
    descriptor.result_reason,
    fact.mediation_segment_id,
    fact.received_from_ixn_resource_id,
    fact.start_at,
    fact.answered_at,
    fact.end_at,
    fact.dial_duration_ms + fact.customer_dial_duration_ms + fact.cons_init_dial_duration_ms AS dial_ms,
    fact.ring_duration_ms + fact.customer_ring_duration_ms + fact.post_cons_xfer_ring_duration_ms
        + fact.conf_join_ring_duration_ms + fact.cons_rcv_ring_duration_ms AS ring_ms,
    fact.talk_duration_ms + fact.customer_talk_duration_ms + fact.post_cons_xfer_talk_duration_ms
        + fact.conf_init_talk_duration_ms + fact.conf_join_talk_duration_ms + fact.cons_init_talk_duration_ms
        + fact.cons_rcv_talk_duration_ms AS talk_ms,
    fact.hold_duration_ms + fact.customer_hold_duration_ms + fact.post_cons_xfer_hold_duration_ms
        + fact.conf_init_hold_duration_ms + fact.conf_join_hold_duration_ms + fact.cons_init_hold_duration_ms
        + fact.cons_rcv_hold_duration_ms AS hold_ms,
    fact.after_call_work_duration_ms + fact.customer_acw_duration_ms + fact.cons_rcv_acw_duration_ms AS work_ms,
    fact.create_audit_key,
    fact.update_audit_key,
    to_jsonb(fact) AS fact
FROM mart.interaction_resource_fact AS fact
LEFT JOIN cfg.source AS source ON source.source_key = fact.source_key
LEFT JOIN mart.resource_ AS resource USING (resource_key)
LEFT JOIN mart.technical_descriptor AS descriptor USING (technical_descriptor_key)
WHERE fact.interaction_id = %(interaction_id)s AND fact.start_date_time_key >= %(date_time_key)s
ORDER BY fact.interaction_resource_ordinal, fact.start_at
