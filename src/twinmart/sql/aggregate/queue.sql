-- Rows of the sets of queues: what one visit adds to each measure.
-- grain   visit of a caller to a queue
-- reads   mart.mediation_segment_fact, mart.interaction_resource_fact, mart.resource_, mart.technical_descriptor,
--         threshold, described (temporary)
-- writes  nothing
-- rule    everything in the interval in which the visit ENTERED the queue, what the answering agent did too. Thresholds are those in force
--         at the entry, and a wait that is exactly the threshold is within it. Business attributes are
--         those of the visit, where visits carry user data, else those of the attempt that answered it. Buckets of the wait are for those
--         that an agent answered, by the edges in force at the entry
-- parameters  tenant_key, from_key, to_key, last_key
SELECT
    visit.tenant_key,
    visit.start_date_time_key AS date_time_key,
    visit.resource_key,
    visit.media_type_key,
    visit.interaction_type_key,
    visit.interaction_descriptor_key,
    CASE WHEN visit.by_agent THEN visit.time_range_key END AS time_range_key,
    CASE WHEN visit.by_agent THEN visit.bucket END AS bucket,
    1 AS entered,
    visit.is_consult::integer AS consult_entered,
    (visit.result NOT IN ('joinempty', 'full'))::integer AS offered,
    visit.is_accepted::integer AS accepted,
    visit.by_agent::integer AS accepted_agent,
    (visit.is_accepted AND visit.is_within)::integer AS accepted_thr,
    CASE WHEN visit.is_accepted THEN visit.wait_ms ELSE 0 END AS accepted_time_ms,
    CASE WHEN visit.by_agent THEN visit.wait_ms ELSE 0 END AS accepted_agent_time_ms,
    CASE WHEN visit.is_accepted THEN visit.wait_ms ELSE 0 END AS accepted_time_max_ms,
    visit.is_abandoned::integer AS abandoned,
    (visit.is_abandoned AND NOT visit.was_ringing)::integer AS abandoned_waiting,
    (visit.is_abandoned AND visit.was_ringing)::integer AS abandoned_invite,
    (visit.is_abandoned AND visit.is_short)::integer AS abandoned_short,
    (visit.is_abandoned AND NOT visit.is_short)::integer AS abandoned_standard,
    (visit.is_abandoned AND visit.is_within)::integer AS abandoned_thr,
    CASE WHEN visit.is_abandoned THEN visit.wait_ms ELSE 0 END AS abandoned_time_ms,
    CASE WHEN visit.is_abandoned THEN visit.wait_ms ELSE 0 END AS abandoned_time_max_ms,
    (visit.result IN ('timeout', 'exitkey', 'transferred'))::integer AS routed_other,
    (visit.result = 'timeout')::integer AS timed_out,
    (visit.result = 'exitkey')::integer AS key_pressed,
    (visit.result = 'transferred')::integer AS transferred_out,
    (visit.result IN ('leaveempty', 'joinempty', 'full'))::integer AS cleared,
    (visit.result = 'leaveempty')::integer AS left_empty,
    (visit.result = 'joinempty')::integer AS refused_empty,
    (visit.result = 'full')::integer AS refused_full,
    (visit.result = 'unknown')::integer AS stopped,
    (visit.result = 'waiting')::integer AS waiting,
    (visit.is_other AND visit.is_within)::integer AS other_thr,
    CASE WHEN visit.is_other THEN visit.wait_ms ELSE 0 END AS other_time_ms,
    greatest(visit.offer_count - visit.is_accepted::integer, 0) AS redirected,
    coalesce(visit.customer_ring_duration_ms, 0) AS invite_time_ms,
    coalesce(visit.customer_talk_count > 0, false)::integer AS engage,
    coalesce(visit.customer_talk_duration_ms, 0) AS engage_time_ms,
    coalesce(visit.customer_hold_count > 0, false)::integer AS hold,
    coalesce(visit.customer_hold_duration_ms, 0) AS hold_time_ms,
    coalesce(visit.customer_acw_count, 0) AS wrap,
    coalesce(visit.customer_acw_duration_ms, 0) AS wrap_time_ms,
    coalesce(visit.conf_init_talk_duration_ms + visit.conf_init_hold_duration_ms + CASE WHEN visit.customer_handle_count > 0
        THEN visit.conf_join_talk_duration_ms + visit.conf_join_hold_duration_ms ELSE 0 END, 0) AS conference_time_ms,
    coalesce(visit.customer_handle_count > 0 AND visit.agent_end_at IS NOT NULL AND visit.customer_talk_duration_ms <= visit.short_talk_ms,
        false)::integer AS short,
    coalesce(visit.customer_handle_count > 0 AND visit.agent_result = 'Transferred', false)::integer AS transfer_init,
    (visit.is_accepted AND visit.is_consult)::integer AS consult_accepted,
    CASE WHEN visit.customer_handle_count = 0 THEN visit.cons_rcv_talk_duration_ms + visit.talk_duration_ms
        + visit.post_cons_xfer_talk_duration_ms + visit.conf_join_talk_duration_ms ELSE 0 END AS consult_engage_time_ms,
    CASE WHEN visit.customer_handle_count = 0 THEN visit.cons_rcv_hold_duration_ms + visit.hold_duration_ms
        + visit.post_cons_xfer_hold_duration_ms + visit.conf_join_hold_duration_ms ELSE 0 END AS consult_hold_time_ms,
    CASE WHEN visit.customer_handle_count = 0 THEN visit.cons_rcv_acw_duration_ms + visit.after_call_work_duration_ms ELSE 0 END
        AS consult_wrap_time_ms
FROM (
    SELECT
        fact.tenant_key,
        fact.start_date_time_key,
        fact.resource_key,
        fact.media_type_key,
        fact.interaction_type_key,
        coalesce(described.interaction_descriptor_key, answered.interaction_descriptor_key, -2) AS interaction_descriptor_key,
        fact.result,
        fact.offer_count,
        fact.total_duration_ms AS wait_ms,
        fact.entered_by = 'consult' AS is_consult,
        fact.result = 'answered' AS is_accepted,
        fact.result = 'answered' AND agent.resource_key IS NOT NULL AS by_agent,
        fact.result = 'abandoned' AS is_abandoned,
        fact.result NOT IN ('answered', 'abandoned', 'waiting') AS is_other,
        descriptor.result_reason = 'AbandonedWhileRinging' AS was_ringing,
        coalesce(fact.total_duration_ms <= threshold.answer_ms, false) AS is_within,
        coalesce(fact.total_duration_ms <= threshold.short_abandon_ms, false) AS is_short,
        threshold.short_talk_ms,
        coalesce(threshold.accepted_range_key, -2) AS time_range_key,
        width_bucket(fact.total_duration_ms - 1, threshold.accepted_edges_ms) + 1 AS bucket,
        answer.end_at AS agent_end_at,
        outcome.technical_result AS agent_result,
        answer.customer_handle_count,
        answer.customer_ring_duration_ms,
        answer.customer_talk_count,
        answer.customer_talk_duration_ms,
        answer.customer_hold_count,
        answer.customer_hold_duration_ms,
        answer.customer_acw_count,
        answer.customer_acw_duration_ms,
        answer.conf_init_talk_duration_ms,
        answer.conf_init_hold_duration_ms,
        answer.conf_join_talk_duration_ms,
        answer.conf_join_hold_duration_ms,
        answer.talk_duration_ms,
        answer.hold_duration_ms,
        answer.after_call_work_duration_ms,
        answer.cons_rcv_talk_duration_ms,
        answer.cons_rcv_hold_duration_ms,
        answer.cons_rcv_acw_duration_ms,
        answer.post_cons_xfer_talk_duration_ms,
        answer.post_cons_xfer_hold_duration_ms
    FROM (
        SELECT *
        FROM mart.mediation_segment_fact
        WHERE tenant_key = %(tenant_key)s AND start_date_time_key >= %(from_key)s AND start_date_time_key < %(to_key)s
        OFFSET 0
    ) AS fact
    JOIN mart.technical_descriptor AS descriptor USING (technical_descriptor_key)
    LEFT JOIN threshold
        ON threshold.resource_key = fact.resource_key
        AND threshold.media_type_key = fact.media_type_key
        AND fact.start_at >= threshold.from_at
        AND fact.start_at < threshold.to_at
    LEFT JOIN mart.interaction_resource_fact AS answer
        ON fact.result = 'answered'
        AND answer.tenant_key = fact.tenant_key
        AND answer.start_date_time_key = fact.target_ixn_resource_sdt_key
        AND answer.interaction_resource_id = fact.target_ixn_resource_id
        AND answer.start_date_time_key >= %(from_key)s
        AND answer.start_date_time_key <= %(last_key)s
    LEFT JOIN mart.technical_descriptor AS outcome ON outcome.technical_descriptor_key = answer.technical_descriptor_key
    LEFT JOIN mart.resource_ AS agent ON agent.resource_key = answer.resource_key AND agent.resource_type_code = 'AGENT'
    LEFT JOIN described
        ON described.tenant_key = fact.tenant_key
        AND described.start_date_time_key = fact.start_date_time_key
        AND described.interaction_resource_id = fact.mediation_segment_id
        AND described.start_date_time_key >= %(from_key)s
        AND described.start_date_time_key < %(to_key)s
    LEFT JOIN described AS answered
        ON answered.tenant_key = fact.tenant_key
        AND answered.start_date_time_key = fact.target_ixn_resource_sdt_key
        AND answered.interaction_resource_id = fact.target_ixn_resource_id
        AND answered.start_date_time_key >= %(from_key)s
        AND answered.start_date_time_key <= %(last_key)s
) AS visit
