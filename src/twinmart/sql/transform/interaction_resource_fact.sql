-- Rows of mart.interaction_resource_fact for the working interactions.
-- grain   resource in an interaction
-- reads   leg (temporary), leg_time (temporary), leg_wrap (temporary), interaction (temporary), visit (temporary), transfer (temporary),
--         cfg.queue_setting, mart.technical_descriptor
-- writes  nothing
-- rule    every resource has exactly one role and outcome; what cannot be told is Unspecified. A phone that refused has refused, whatever
--         became of the caller a moment later
WITH placed_in_order AS (
    SELECT
        leg.*,
        interaction.interaction_id,
        interaction.start_at AS interaction_start_at,
        interaction.start_date_time_key AS interaction_date_time_key,
        interaction.interaction_type_key,
        row_number() OVER (PARTITION BY interaction.interaction_id ORDER BY leg.start_at, leg.attempt_id, leg.source_key) AS ordinal,
        row_number() OVER (
            PARTITION BY interaction.interaction_id
            ORDER BY
                leg.answered_at IS NULL OR NOT (leg.kind IN ('direct', 'outbound') OR (leg.kind = 'queue' AND NOT leg.is_from_agent)),
                leg.answered_at,
                leg.attempt_id,
                leg.source_key
        ) = 1 AND leg.answered_at IS NOT NULL AND (leg.kind IN ('direct', 'outbound') OR (leg.kind = 'queue' AND NOT leg.is_from_agent))
            AS is_anchor
    FROM leg
    JOIN interaction ON interaction.source_key = leg.source_key AND interaction.root_id = leg.root_id AND NOT interaction.is_broken
),
giver AS (
    SELECT DISTINCT ON (leg.source_key, leg.attempt_id)
        leg.source_key,
        leg.attempt_id,
        other.source_name AS giver_source_name,
        other.attempt_id AS giver_id,
        other.start_at AS giver_start_at
    FROM placed_in_order AS leg
    JOIN placed_in_order AS other USING (interaction_id)
    WHERE (other.source_key, other.attempt_id) <> (leg.source_key, leg.attempt_id)
      AND (
          (
              other.source_key = leg.source_key AND other.attempt_id = leg.caller_id
              AND other.kind IN ('outbound', 'internal_out', 'consult_out')
          )
          OR (other.transferred_at <= leg.start_at AND leg.kind IN ('queue', 'direct', 'external', 'mediation'))
      )
    ORDER BY
        leg.source_key,
        leg.attempt_id,
        other.source_key = leg.source_key AND other.attempt_id = leg.caller_id DESC,
        other.transferred_at DESC,
        other.attempt_id,
        other.source_key
),
arrival AS (
    SELECT leg.source_key, leg.attempt_id, max(other.end_at) AS at
    FROM placed_in_order AS leg
    JOIN visit
        ON visit.source_key = leg.source_key AND visit.channel_id = leg.caller_id AND visit.visit_no = leg.visit_no
    JOIN placed_in_order AS other ON other.interaction_id = leg.interaction_id
    WHERE other.answered_at IS NOT NULL AND other.end_at <= visit.start_at
    GROUP BY leg.source_key, leg.attempt_id
),
described AS (
    SELECT
        placed_in_order.*,
        visit.start_at AS visit_start_at,
        visit.entry_ordinal,
        visit.result AS visit_result,
        visit.end_at AS visit_end_at,
        giver.giver_source_name,
        giver.giver_id,
        giver.giver_start_at,
        CASE
            WHEN placed_in_order.kind = 'consult_out' THEN 'InitiatedConsult'
            WHEN placed_in_order.kind IN ('outbound', 'internal_out') THEN 'Initiated'
            WHEN placed_in_order.kind IN ('consult', 'consult_queue') THEN 'ReceivedConsult'
            WHEN placed_in_order.answered_at IS NULL AND placed_in_order.kind <> 'mediation' THEN 'RoutedTo'
            WHEN placed_in_order.kind = 'direct' AND giver.giver_id IS NOT NULL THEN 'ReceivedTransfer'
            ELSE 'Received'
        END AS role
    FROM placed_in_order
    LEFT JOIN visit
        ON visit.source_key = placed_in_order.source_key
        AND visit.channel_id = placed_in_order.caller_id
        AND visit.visit_no = placed_in_order.visit_no
    LEFT JOIN giver ON giver.source_key = placed_in_order.source_key AND giver.attempt_id = placed_in_order.attempt_id
),
judged AS (
    SELECT
        described.*,
        CASE
            WHEN described.kind = 'mediation' AND described.is_abnormal THEN ARRAY['AbnormalStop', 'AbandonedWhileQueued']
            WHEN described.kind = 'mediation' THEN CASE described.visit_result
                WHEN 'timeout' THEN ARRAY['Diverted', 'TimedOut']
                WHEN 'exitkey' THEN ARRAY['Diverted', 'ExitedByKey']
                WHEN 'leaveempty' THEN ARRAY['Diverted', 'LeftEmpty']
                WHEN 'joinempty' THEN ARRAY['Diverted', 'JoinRefusedEmpty']
                WHEN 'full' THEN ARRAY['Diverted', 'JoinRefusedFull']
                WHEN 'abandoned' THEN ARRAY['CustomerAbandoned', 'AbandonedWhileQueued']
                ELSE ARRAY['CustomerAbandoned', 'Unspecified']
            END
            WHEN described.end_at IS NULL THEN ARRAY['Incomplete', 'Unspecified']
            WHEN described.answered_at IS NOT NULL AND described.is_abnormal THEN ARRAY['AbnormalStop', 'AnsweredByAgent']
            WHEN described.answered_at IS NOT NULL AND described.transferred_at IS NOT NULL THEN ARRAY['Transferred', 'Unspecified']
            WHEN described.answered_at IS NOT NULL AND spent.was_in_conference THEN ARRAY['Conferenced', 'Unspecified']
            WHEN described.answered_at IS NOT NULL AND spent.last_phase = 'hold' AND described.completed_by = 'caller'
                THEN ARRAY['CustomerAbandoned', 'AbandonedFromHold']
            WHEN described.answered_at IS NOT NULL THEN ARRAY['Completed', 'Unspecified']
            WHEN described.is_abnormal THEN ARRAY['AbnormalStop', 'AbandonedWhileRinging']
            WHEN described.kind IN ('outbound', 'internal_out', 'consult_out') THEN ARRAY['Abandoned', 'Unspecified']
            WHEN described.end_cause IN ('17', '21') AND described.visit_result IS NULL THEN ARRAY['DestinationBusy', 'Rejected']
            WHEN described.end_cause IN ('17', '21') THEN ARRAY['Redirected', 'Rejected']
            WHEN described.visit_result = 'answered' AND abs(mart.epoch_ms(described.end_at) - mart.epoch_ms(described.visit_end_at)) <= 1000
                THEN ARRAY['Diverted', 'AnsweredByOther']
            WHEN described.visit_result = 'abandoned' AND mart.epoch_ms(described.end_at) >= mart.epoch_ms(described.visit_end_at) - 100
                THEN ARRAY[CASE WHEN described.kind = 'consult_queue' THEN 'Abandoned' ELSE 'CustomerAbandoned' END, 'AbandonedWhileRinging']
            WHEN described.visit_result = 'exitkey' AND mart.epoch_ms(described.end_at) >= mart.epoch_ms(described.visit_end_at) - 100
                THEN ARRAY['Diverted', 'ExitedByKey']
            WHEN described.visit_result IS NOT NULL THEN ARRAY['Redirected', 'RoutedOnNoAnswer']
            WHEN described.caller_end_at <= described.end_at THEN ARRAY['Abandoned', 'AbandonedWhileRinging']
            ELSE ARRAY['Redirected', 'RoutedOnNoAnswer']
        END AS outcome,
        spent.family,
        wrap.wrap_ms
    FROM described
    LEFT JOIN leg_time AS spent USING (source_key, attempt_id)
    LEFT JOIN leg_wrap AS wrap USING (source_key, attempt_id)
)
SELECT
    1 AS tenant_key,
    mart.date_time_key(leg.start_at) AS start_date_time_key,
    mart.fact_key(mart.epoch_ms(leg.start_at), 'RESOURCE|' || leg.source_name || '|' || leg.attempt_id) AS interaction_resource_id,
    leg.interaction_id,
    leg.interaction_date_time_key,
    leg.ordinal::integer AS interaction_resource_ordinal,
    leg.source_key,
    1 AS media_type_key,
    leg.interaction_type_key,
    leg.resource_key,
    -2::bigint AS resource_group_combination_key,
    coalesce(descriptor.technical_descriptor_key, -1) AS technical_descriptor_key,
    leg.kind AS attempt_kind,
    leg.phone_id AS channel_id,
    leg.target_address,
    mart.fact_key(
        mart.epoch_ms(leg.visit_start_at),
        'MEDIATION|' || leg.source_name || '|' || leg.caller_id || '|' || leg.queue || '|' || leg.entry_ordinal
    ) AS mediation_segment_id,
    mart.date_time_key(leg.visit_start_at) AS mediation_date_time_key,
    (leg.visit_start_at IS NOT NULL)::integer AS mediation_count,
    CASE
        WHEN leg.queue IS NULL THEN -2
        ELSE mart.dimension_key('QUEUE|' || leg.source_name || '|' || leg.queue)
    END AS last_queue_resource_key,
    mart.fact_key(mart.epoch_ms(leg.giver_start_at), 'RESOURCE|' || leg.giver_source_name || '|' || leg.giver_id)
        AS received_from_ixn_resource_id,
    leg.is_anchor::integer::smallint AS irf_anchor,
    (CASE
        WHEN leg.transferred_at IS NOT NULL OR leg.completed_by IN ('agent', 'transfer') THEN 1
        WHEN leg.completed_by = 'caller' THEN 0
        ELSE -1
    END)::smallint AS stop_action,
    (leg.transferred_at IS NOT NULL)::integer::smallint AS transferred_flag,
    leg.start_at,
    leg.answered_at,
    leg.end_at,
    mart.date_time_key(leg.end_at) AS end_date_time_key,
    mart.epoch_ms(leg.end_at) - mart.epoch_ms(leg.start_at) AS total_duration_ms,
    coalesce(spent.dial_count, 0)::smallint AS dial_count,
    coalesce(spent.dial_duration_ms, 0)::bigint AS dial_duration_ms,
    coalesce(spent.ring_count, 0)::smallint AS ring_count,
    coalesce(spent.ring_duration_ms, 0)::bigint AS ring_duration_ms,
    coalesce(spent.talk_count, 0)::smallint AS talk_count,
    coalesce(spent.talk_duration_ms, 0)::bigint AS talk_duration_ms,
    coalesce(spent.hold_count, 0)::smallint AS hold_count,
    coalesce(spent.hold_duration_ms, 0)::bigint AS hold_duration_ms,
    coalesce(spent.customer_dial_count, 0)::smallint AS customer_dial_count,
    coalesce(spent.customer_dial_duration_ms, 0)::bigint AS customer_dial_duration_ms,
    coalesce(spent.customer_ring_count, 0)::smallint AS customer_ring_count,
    coalesce(spent.customer_ring_duration_ms, 0)::bigint AS customer_ring_duration_ms,
    coalesce(spent.customer_talk_count, 0)::smallint AS customer_talk_count,
    coalesce(spent.customer_talk_duration_ms, 0)::bigint AS customer_talk_duration_ms,
    coalesce(spent.customer_hold_count, 0)::smallint AS customer_hold_count,
    coalesce(spent.customer_hold_duration_ms, 0)::bigint AS customer_hold_duration_ms,
    coalesce(spent.post_cons_xfer_ring_count, 0)::smallint AS post_cons_xfer_ring_count,
    coalesce(spent.post_cons_xfer_ring_duration_ms, 0)::bigint AS post_cons_xfer_ring_duration_ms,
    coalesce(spent.post_cons_xfer_talk_count, 0)::smallint AS post_cons_xfer_talk_count,
    coalesce(spent.post_cons_xfer_talk_duration_ms, 0)::bigint AS post_cons_xfer_talk_duration_ms,
    coalesce(spent.post_cons_xfer_hold_count, 0)::smallint AS post_cons_xfer_hold_count,
    coalesce(spent.post_cons_xfer_hold_duration_ms, 0)::bigint AS post_cons_xfer_hold_duration_ms,
    coalesce(spent.conf_init_talk_count, 0)::smallint AS conf_init_talk_count,
    coalesce(spent.conf_init_talk_duration_ms, 0)::bigint AS conf_init_talk_duration_ms,
    coalesce(spent.conf_init_hold_count, 0)::smallint AS conf_init_hold_count,
    coalesce(spent.conf_init_hold_duration_ms, 0)::bigint AS conf_init_hold_duration_ms,
    coalesce(spent.conf_join_ring_count, 0)::smallint AS conf_join_ring_count,
    coalesce(spent.conf_join_ring_duration_ms, 0)::bigint AS conf_join_ring_duration_ms,
    coalesce(spent.conf_join_talk_count, 0)::smallint AS conf_join_talk_count,
    coalesce(spent.conf_join_talk_duration_ms, 0)::bigint AS conf_join_talk_duration_ms,
    coalesce(spent.conf_join_hold_count, 0)::smallint AS conf_join_hold_count,
    coalesce(spent.conf_join_hold_duration_ms, 0)::bigint AS conf_join_hold_duration_ms,
    coalesce(spent.cons_init_dial_count, 0)::smallint AS cons_init_dial_count,
    coalesce(spent.cons_init_dial_duration_ms, 0)::bigint AS cons_init_dial_duration_ms,
    coalesce(spent.cons_init_talk_count, 0)::smallint AS cons_init_talk_count,
    coalesce(spent.cons_init_talk_duration_ms, 0)::bigint AS cons_init_talk_duration_ms,
    coalesce(spent.cons_init_hold_count, 0)::smallint AS cons_init_hold_count,
    coalesce(spent.cons_init_hold_duration_ms, 0)::bigint AS cons_init_hold_duration_ms,
    coalesce(spent.cons_rcv_ring_count, 0)::smallint AS cons_rcv_ring_count,
    coalesce(spent.cons_rcv_ring_duration_ms, 0)::bigint AS cons_rcv_ring_duration_ms,
    coalesce(spent.cons_rcv_talk_count, 0)::smallint AS cons_rcv_talk_count,
    coalesce(spent.cons_rcv_talk_duration_ms, 0)::bigint AS cons_rcv_talk_duration_ms,
    coalesce(spent.cons_rcv_hold_count, 0)::smallint AS cons_rcv_hold_count,
    coalesce(spent.cons_rcv_hold_duration_ms, 0)::bigint AS cons_rcv_hold_duration_ms,
    coalesce(leg.wrap_ms IS NOT NULL AND leg.family = 'plain', false)::integer::smallint AS after_call_work_count,
    CASE WHEN leg.family = 'plain' THEN coalesce(leg.wrap_ms, 0) ELSE 0 END::bigint AS after_call_work_duration_ms,
    coalesce(leg.wrap_ms IS NOT NULL AND leg.family = 'customer', false)::integer::smallint AS customer_acw_count,
    CASE WHEN leg.family = 'customer' THEN coalesce(leg.wrap_ms, 0) ELSE 0 END::bigint AS customer_acw_duration_ms,
    coalesce(leg.wrap_ms IS NOT NULL AND leg.family = 'cons_rcv', false)::integer::smallint AS cons_rcv_acw_count,
    CASE WHEN leg.family = 'cons_rcv' THEN coalesce(leg.wrap_ms, 0) ELSE 0 END::bigint AS cons_rcv_acw_duration_ms,
    coalesce(leg.answered_at IS NOT NULL AND leg.family = 'customer', false)::integer::smallint AS customer_handle_count,
    coalesce(spent.began_conference, false)::integer::smallint AS conference_initiated_count,
    (leg.kind = 'consult_out' AND leg.answered_at IS NOT NULL AND coalesce(reached.is_agent, false))::integer::smallint
        AS agent_to_agent_cons_count,
    CASE
        WHEN leg.kind = 'consult_out' AND reached.is_agent THEN spent.cons_init_talk_duration_ms + spent.cons_init_hold_duration_ms
        ELSE 0
    END::bigint AS agent_to_agent_cons_duration_ms,
    coalesce(mart.epoch_ms(leg.start_at) - mart.epoch_ms(leg.visit_start_at), 0)
        + CASE WHEN leg.visit_start_at IS NULL OR leg.kind = 'consult_queue' THEN 0
        ELSE mart.epoch_ms(leg.visit_start_at) - mart.epoch_ms(coalesce(arrival.at, leg.interaction_start_at)) END AS mediation_duration_ms,
    coalesce(mart.epoch_ms(leg.start_at) - mart.epoch_ms(leg.visit_start_at), 0) AS queue_duration_ms,
    CASE WHEN leg.visit_start_at IS NULL OR leg.kind = 'consult_queue' THEN 0
        ELSE mart.epoch_ms(leg.visit_start_at) - mart.epoch_ms(coalesce(arrival.at, leg.interaction_start_at)) END AS routing_point_duration_ms,
    CASE WHEN leg.answered_at IS NOT NULL THEN
        (mart.epoch_ms(leg.answered_at) - mart.epoch_ms(leg.visit_start_at) <= setting.service_level_ms)::integer::smallint
    END AS met_service_objective_flag,
    (
        leg.kind = 'mediation' AND leg.outcome[1] = 'CustomerAbandoned'
        AND mart.epoch_ms(leg.end_at) - mart.epoch_ms(leg.start_at) <= setting.short_abandon_ms
    )::integer::smallint AS short_abandoned_flag,
    (leg.end_at IS NULL)::integer::smallint AS active_flag
FROM judged AS leg
LEFT JOIN leg_time AS spent USING (source_key, attempt_id)
LEFT JOIN mart.technical_descriptor AS descriptor
    ON descriptor.technical_result = leg.outcome[1]
    AND descriptor.result_reason = leg.outcome[2]
    AND descriptor.resource_role = leg.role
    AND descriptor.role_reason = 'Unspecified'
LEFT JOIN (
    SELECT source_key, caller_id, bool_or(is_agent) AS is_agent
    FROM leg
    WHERE answered_at IS NOT NULL AND kind IN ('consult', 'consult_queue')
    GROUP BY source_key, caller_id
) AS reached ON reached.source_key = leg.source_key AND reached.caller_id = leg.attempt_id
LEFT JOIN arrival ON arrival.source_key = leg.source_key AND arrival.attempt_id = leg.attempt_id
JOIN LATERAL (
    SELECT service_level_ms, short_abandon_ms
    FROM cfg.queue_setting
    WHERE source_name IN (leg.source_name, '*') AND queue IN (coalesce(leg.queue, '*'), '*')
    ORDER BY (source_name = '*')::integer, (queue = '*')::integer
    LIMIT 1
) AS setting ON true
