-- Rows of the sets of agents: what one part of an agent in an interaction adds to each measure.
-- grain   attempt of an agent
-- reads   mart.interaction_resource_fact, mart.resource_, mart.technical_descriptor,
--         threshold, described, member (temporary)
-- writes  nothing
-- rule    in the interval of the offer, that is when the phone began to ring or dial. Customer interactions are told by CUSTOMER_*; what an
--         agent takes from a colleague counts as consultation while it is no customer interaction of the agent's own. What an agent began
--         is never received. Business attributes are those of the attempt
-- parameters  tenant_key, from_key, to_key
SELECT
    part.tenant_key,
    part.start_date_time_key AS date_time_key,
    part.resource_key,
    part.last_queue_resource_key AS queue_resource_key,
    part.media_type_key,
    part.interaction_type_key,
    part.interaction_descriptor_key,
    part.member_at,
    part.is_offered::integer AS offered,
    part.is_accepted::integer AS accepted,
    (part.is_missed AND part.result_reason NOT IN ('AbandonedWhileRinging', 'Rejected'))::integer AS notaccepted,
    (part.is_missed AND part.result_reason = 'AbandonedWhileRinging')::integer AS abandoned_invite,
    (part.is_missed AND part.result_reason = 'Rejected')::integer AS rejected,
    part.customer_ring_count + part.customer_dial_count AS invite,
    part.customer_ring_duration_ms + part.customer_dial_duration_ms AS invite_time_ms,
    (part.customer_talk_count > 0)::integer AS engage,
    part.customer_talk_duration_ms AS engage_time_ms,
    (part.customer_hold_count > 0)::integer AS hold,
    part.customer_hold_duration_ms AS hold_time_ms,
    part.customer_acw_count AS wrap,
    part.customer_acw_duration_ms AS wrap_time_ms,
    CASE WHEN part.is_accepted AND part.end_at IS NOT NULL AND part.customer_talk_duration_ms <= part.short_talk_ms
        THEN part.customer_talk_count ELSE 0 END AS short,
    (part.is_accepted AND part.technical_result = 'Transferred')::integer AS transfer_init_agent,
    ((part.is_accepted AND part.resource_role = 'ReceivedTransfer') OR part.post_cons_xfer_talk_count > 0)::integer
        AS xfer_received_accepted,
    (part.is_received AND part.cons_rcv_talk_count + part.talk_count + part.post_cons_xfer_talk_count + part.conf_join_talk_count > 0)
        ::integer AS consult_received_accepted,
    CASE WHEN part.is_received THEN part.cons_rcv_talk_duration_ms + part.talk_duration_ms + part.post_cons_xfer_talk_duration_ms
        + part.conf_join_talk_duration_ms ELSE 0 END AS consult_received_engage_time_ms,
    CASE WHEN part.is_received THEN part.cons_rcv_hold_count + part.hold_count + part.post_cons_xfer_hold_count
        + part.conf_join_hold_count ELSE 0 END AS consult_received_hold,
    CASE WHEN part.is_received THEN part.cons_rcv_hold_duration_ms + part.hold_duration_ms + part.post_cons_xfer_hold_duration_ms
        + part.conf_join_hold_duration_ms ELSE 0 END AS consult_received_hold_time_ms,
    CASE WHEN part.is_received THEN part.cons_rcv_acw_count + part.after_call_work_count ELSE 0 END AS consult_received_wrap,
    CASE WHEN part.is_received THEN part.cons_rcv_acw_duration_ms + part.after_call_work_duration_ms ELSE 0 END
        AS consult_received_wrap_time_ms,
    CASE WHEN part.is_accepted THEN (part.cons_rcv_talk_count > 0)::integer ELSE 0 END AS consult_rcv_acc_warm,
    CASE WHEN part.is_accepted THEN part.cons_rcv_talk_duration_ms ELSE 0 END AS consult_received_warm_engage_time_ms,
    CASE WHEN part.is_accepted THEN part.cons_rcv_hold_count ELSE 0 END AS consult_received_warm_hold,
    CASE WHEN part.is_accepted THEN part.cons_rcv_hold_duration_ms ELSE 0 END AS consult_received_warm_hold_time_ms,
    CASE WHEN part.is_accepted THEN part.cons_rcv_acw_count ELSE 0 END AS consult_received_warm_wrap,
    CASE WHEN part.is_accepted THEN part.cons_rcv_acw_duration_ms ELSE 0 END AS consult_received_warm_wrap_time_ms,
    (part.cons_init_talk_count > 0)::integer AS consult_initiated,
    part.cons_init_dial_duration_ms + part.cons_init_talk_duration_ms + part.cons_init_hold_duration_ms AS consult_initiated_time_ms,
    part.conference_initiated_count AS conference_initiated,
    part.conf_init_talk_duration_ms + part.conf_init_hold_duration_ms + CASE WHEN part.is_received THEN 0
        ELSE part.conf_join_talk_duration_ms + part.conf_join_hold_duration_ms END AS conference_time_ms,
    CASE WHEN part.is_accepted AND part.last_queue_resource_key <> -2 THEN part.queue_duration_ms
        + mart.epoch_ms(part.answered_at) - mart.epoch_ms(part.start_at) ELSE 0 END AS accepted_time_ms
FROM (
    SELECT
        fact.*,
        coalesce(described.interaction_descriptor_key, -2) AS interaction_descriptor_key,
        descriptor.technical_result,
        descriptor.result_reason,
        descriptor.resource_role,
        threshold.short_talk_ms,
        belonging.turns[width_bucket(fact.start_at, belonging.turns)] AS member_at,
        customer.is_offered,
        fact.customer_handle_count > 0 AS is_accepted,
        customer.is_offered AND fact.customer_handle_count = 0 AND fact.end_at IS NOT NULL AS is_missed,
        fact.customer_handle_count = 0 AND NOT customer.is_offered AND descriptor.resource_role NOT IN ('Initiated', 'InitiatedConsult')
            AS is_received
    FROM (
        SELECT *
        FROM mart.interaction_resource_fact
        WHERE tenant_key = %(tenant_key)s AND start_date_time_key >= %(from_key)s AND start_date_time_key < %(to_key)s
        OFFSET 0
    ) AS fact
    JOIN mart.resource_ AS agent ON agent.resource_key = fact.resource_key AND agent.resource_type_code = 'AGENT'
    JOIN mart.technical_descriptor AS descriptor USING (technical_descriptor_key)
    CROSS JOIN LATERAL (
        SELECT fact.customer_dial_count + fact.customer_ring_count + fact.customer_talk_count + fact.customer_handle_count > 0 AS is_offered
    ) AS customer
    -- Groups of an agent are told by the last time up to the offer at which they changed.
    LEFT JOIN (
        SELECT resource_key, array_agg(DISTINCT turn.at ORDER BY turn.at) AS turns
        FROM member
        CROSS JOIN LATERAL (VALUES (start_at), (end_at)) AS turn (at)
        WHERE tenant_key = %(tenant_key)s
          AND start_date_time_key < %(to_key)s
          AND start_at < to_timestamp(%(to_key)s)
          AND (end_at IS NULL OR end_at > to_timestamp(%(from_key)s))
          AND turn.at IS NOT NULL
        GROUP BY resource_key
    ) AS belonging ON belonging.resource_key = fact.resource_key
    LEFT JOIN threshold
        ON threshold.resource_key = fact.last_queue_resource_key
        AND threshold.media_type_key = fact.media_type_key
        AND fact.start_at >= threshold.from_at
        AND fact.start_at < threshold.to_at
    LEFT JOIN described
        ON described.tenant_key = fact.tenant_key
        AND described.start_date_time_key = fact.start_date_time_key
        AND described.interaction_resource_id = fact.interaction_resource_id
        AND described.start_date_time_key >= %(from_key)s
        AND described.start_date_time_key < %(to_key)s
) AS part
