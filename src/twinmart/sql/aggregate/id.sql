-- Rows of ID: what one interaction adds to each measure.
-- grain   interaction
-- reads   mart.interaction_fact, mart.interaction_resource_fact, mart.resource_, mart.technical_descriptor,
--         threshold, described (temporary)
-- writes  nothing
-- rule    everything in the interval in which the interaction ENTERED the contact centre, consultations too, since they belong to it; accepted
--         is the first agent who took the customer. Discarded interactions are left out: nothing is known of them. Thresholds are those of
--         no queue, in force at the begin. Business attributes are those of the first attempt that handled the customer; if none did,
--         of the first attempt
-- parameters  tenant_key, from_key, to_key, last_key
SELECT
    ixn.tenant_key,
    ixn.start_date_time_key AS date_time_key,
    ixn.media_type_key,
    ixn.interaction_type_key,
    coalesce(part.interaction_descriptor_key, -2) AS interaction_descriptor_key,
    1 AS entered,
    (ixn.end_at IS NOT NULL)::integer AS finished,
    (ixn.status = 1)::integer AS stopped,
    coalesce(ixn.duration_ms, 0) AS finished_time_ms,
    coalesce(part.is_offered, false)::integer AS offered,
    (part.answered_at IS NOT NULL)::integer AS accepted,
    coalesce(spent.accepted_ms <= threshold.answer_ms, false)::integer AS accepted_thr,
    coalesce(spent.accepted_ms, 0) AS accepted_time_ms,
    coalesce(spent.accepted_ms, 0) AS accepted_time_max_ms,
    spent.is_abandoned::integer AS abandoned,
    (spent.is_abandoned AND spent.is_short)::integer AS abandoned_short,
    (spent.is_abandoned AND NOT spent.is_short)::integer AS abandoned_standard,
    CASE WHEN spent.is_abandoned THEN ixn.duration_ms ELSE 0 END AS abandoned_time_ms,
    coalesce(part.engage_time_ms, 0) AS engage_time_ms,
    coalesce(part.hold_time_ms, 0) AS hold_time_ms,
    coalesce(part.wrap_time_ms, 0) AS wrap_time_ms,
    coalesce(part.conference_time_ms, 0) AS conference_time_ms,
    coalesce(part.transfer_init, 0) AS transfer_init,
    coalesce(part.consult_received_accepted, 0) AS consult_received_accepted,
    coalesce(part.consult_received_engage_time_ms, 0) AS consult_received_engage_time_ms,
    coalesce(part.consult_initiated, 0) AS consult_initiated
FROM (
    SELECT *
    FROM mart.interaction_fact
    WHERE tenant_key = %(tenant_key)s AND start_date_time_key >= %(from_key)s AND start_date_time_key < %(to_key)s
    OFFSET 0
) AS ixn
LEFT JOIN (
    SELECT
        fact.interaction_id,
        CASE WHEN bool_or(fact.irf_anchor = 1) THEN max(described.interaction_descriptor_key) FILTER (WHERE fact.irf_anchor = 1)
            ELSE max(described.interaction_descriptor_key) FILTER (WHERE fact.interaction_resource_ordinal = 1) END
            AS interaction_descriptor_key,
        bool_or(agent.resource_key IS NOT NULL AND fact.customer_dial_count + fact.customer_ring_count + fact.customer_talk_count
            + fact.customer_handle_count > 0) AS is_offered,
        min(fact.answered_at) FILTER (WHERE agent.resource_key IS NOT NULL AND fact.customer_handle_count > 0) AS answered_at,
        bool_or(descriptor.result_reason IN ('AbandonedWhileQueued', 'AbandonedWhileRinging')
            AND descriptor.technical_result IN ('CustomerAbandoned', 'Abandoned')) AS was_abandoned,
        sum(fact.customer_talk_duration_ms) FILTER (WHERE agent.resource_key IS NOT NULL) AS engage_time_ms,
        sum(fact.customer_hold_duration_ms) FILTER (WHERE agent.resource_key IS NOT NULL) AS hold_time_ms,
        sum(fact.customer_acw_duration_ms) FILTER (WHERE agent.resource_key IS NOT NULL) AS wrap_time_ms,
        sum(fact.conf_init_talk_duration_ms + fact.conf_init_hold_duration_ms + CASE WHEN received.is_so THEN 0
            ELSE fact.conf_join_talk_duration_ms + fact.conf_join_hold_duration_ms END) FILTER (WHERE agent.resource_key IS NOT NULL)
            AS conference_time_ms,
        count(*) FILTER (WHERE agent.resource_key IS NOT NULL AND fact.customer_handle_count > 0
            AND descriptor.technical_result = 'Transferred') AS transfer_init,
        count(*) FILTER (WHERE received.is_so AND fact.cons_rcv_talk_count + fact.talk_count + fact.post_cons_xfer_talk_count
            + fact.conf_join_talk_count > 0) AS consult_received_accepted,
        sum(fact.cons_rcv_talk_duration_ms + fact.talk_duration_ms + fact.post_cons_xfer_talk_duration_ms + fact.conf_join_talk_duration_ms)
            FILTER (WHERE received.is_so) AS consult_received_engage_time_ms,
        count(*) FILTER (WHERE agent.resource_key IS NOT NULL AND fact.cons_init_talk_count > 0) AS consult_initiated
    FROM mart.interaction_resource_fact AS fact
    JOIN mart.technical_descriptor AS descriptor USING (technical_descriptor_key)
    LEFT JOIN mart.resource_ AS agent ON agent.resource_key = fact.resource_key AND agent.resource_type_code = 'AGENT'
    CROSS JOIN LATERAL (
        SELECT agent.resource_key IS NOT NULL
            AND fact.customer_dial_count + fact.customer_ring_count + fact.customer_talk_count + fact.customer_handle_count = 0
            AND descriptor.resource_role NOT IN ('Initiated', 'InitiatedConsult') AS is_so
    ) AS received
    LEFT JOIN described
        ON described.tenant_key = fact.tenant_key
        AND described.start_date_time_key = fact.start_date_time_key
        AND described.interaction_resource_id = fact.interaction_resource_id
        AND described.start_date_time_key >= %(from_key)s
        AND described.start_date_time_key <= %(last_key)s
    WHERE fact.tenant_key = %(tenant_key)s
      AND fact.interaction_date_time_key >= %(from_key)s
      AND fact.interaction_date_time_key < %(to_key)s
      AND fact.start_date_time_key >= %(from_key)s
      AND fact.start_date_time_key <= %(last_key)s
    GROUP BY fact.interaction_id
) AS part USING (interaction_id)
LEFT JOIN threshold
    ON threshold.resource_key = -2
    AND threshold.media_type_key = ixn.media_type_key
    AND ixn.start_at >= threshold.from_at
    AND ixn.start_at < threshold.to_at
CROSS JOIN LATERAL (
    SELECT
        mart.epoch_ms(part.answered_at) - mart.epoch_ms(ixn.start_at) AS accepted_ms,
        coalesce(part.was_abandoned AND part.answered_at IS NULL AND ixn.end_at IS NOT NULL, false) AS is_abandoned,
        coalesce(ixn.duration_ms <= threshold.short_abandon_ms, false) AS is_short
) AS spent
WHERE ixn.status <> 2
