-- Rows of I_AGENT: what the states of an agent inside interactions add to each interval that they touch.
-- grain   agent, medium, direction, phase, relation, interval
-- reads   mart.ixn_resource_state_fact, mart.interaction_resource_fact, mart.resource_, ctl.aggregate_horizon
-- writes  nothing
-- rule    clipped at the ends of the interval, so that its parts add up to the millisecond; counted where it begins. What has no end counts
--         up to the horizon of its source. A state belongs to the customer, a consultation or a call between agents as its attempt does
-- parameters  tenant_key, from_key, to_key, first_key, last_key
SELECT
    piece.tenant_key,
    piece.date_time_key,
    piece.resource_key,
    piece.media_type_key,
    piece.interaction_type_key,
    CASE WHEN piece.relation = 'customer' AND piece.phase = 'invite' THEN piece.begun ELSE 0 END AS invite,
    CASE WHEN piece.relation = 'customer' AND piece.phase = 'invite' THEN piece.clipped_ms ELSE 0 END AS invite_time_ms,
    CASE WHEN piece.relation = 'customer' AND piece.phase = 'talk' THEN piece.begun ELSE 0 END AS engage,
    CASE WHEN piece.relation = 'customer' AND piece.phase = 'talk' THEN piece.clipped_ms ELSE 0 END AS engage_time_ms,
    CASE WHEN piece.relation = 'customer' AND piece.phase = 'hold' THEN piece.begun ELSE 0 END AS hold,
    CASE WHEN piece.relation = 'customer' AND piece.phase = 'hold' THEN piece.clipped_ms ELSE 0 END AS hold_time_ms,
    CASE WHEN piece.relation = 'customer' AND piece.phase = 'wrap' THEN piece.begun ELSE 0 END AS wrap,
    CASE WHEN piece.relation = 'customer' AND piece.phase = 'wrap' THEN piece.clipped_ms ELSE 0 END AS wrap_time_ms,
    CASE WHEN piece.relation = 'received' AND piece.phase = 'talk' THEN piece.begun ELSE 0 END AS consult_received,
    CASE WHEN piece.relation = 'received' AND piece.phase = 'invite' THEN piece.clipped_ms ELSE 0 END AS consult_received_invite_time_ms,
    CASE WHEN piece.relation = 'received' AND piece.phase = 'talk' THEN piece.clipped_ms ELSE 0 END AS consult_received_engage_time_ms,
    CASE WHEN piece.relation = 'received' AND piece.phase = 'hold' THEN piece.clipped_ms ELSE 0 END AS consult_received_hold_time_ms,
    CASE WHEN piece.relation = 'received' AND piece.phase = 'wrap' THEN piece.clipped_ms ELSE 0 END AS consult_received_wrap_time_ms,
    CASE WHEN piece.relation = 'initiated' AND piece.phase = 'invite' THEN piece.begun ELSE 0 END AS consult_initiated,
    CASE WHEN piece.relation = 'initiated' THEN piece.clipped_ms ELSE 0 END AS consult_initiated_time_ms,
    CASE WHEN piece.relation = 'internal' THEN piece.clipped_ms ELSE 0 END AS internal_time_ms
FROM (
    SELECT
        state.tenant_key,
        state.date_time_key,
        state.resource_key,
        state.media_type_key,
        state.interaction_type_key,
        CASE
            WHEN state.interaction_resource_state_key IN (1, 2) THEN 'invite'
            WHEN state.interaction_resource_state_key IN (3, 4) THEN 'talk'
            WHEN state.interaction_resource_state_key IN (5, 6) THEN 'hold'
            ELSE 'wrap'
        END AS phase,
        CASE
            WHEN attempt.attempt_kind IS NULL THEN 'customer'
            WHEN attempt.attempt_kind = 'consult_out' THEN 'initiated'
            WHEN attempt.attempt_kind IN ('consult', 'consult_queue') THEN 'received'
            ELSE 'internal'
        END AS relation,
        sum(state.begun) AS begun,
        sum(state.clipped_ms) AS clipped_ms
    FROM (
        SELECT
            tenant_key,
            start_date_time_key AS date_time_key,
            resource_key,
            media_type_key,
            interaction_type_key,
            interaction_resource_state_key,
            interaction_resource_id,
            interaction_resource_sdt_key,
            1 AS begun,
            greatest(mart.epoch_ms(end_at) - mart.epoch_ms(start_at), 0)::integer AS clipped_ms
        FROM mart.ixn_resource_state_fact
        WHERE tenant_key = %(tenant_key)s
          AND start_date_time_key >= %(from_key)s
          AND start_date_time_key < %(to_key)s
          AND end_date_time_key = start_date_time_key
        UNION ALL
        SELECT
            tenant_key,
            date_time_key,
            resource_key,
            media_type_key,
            interaction_type_key,
            interaction_resource_state_key,
            interaction_resource_id,
            interaction_resource_sdt_key,
            (date_time_key = start_date_time_key)::integer,
            greatest(least(end_ms, date_time_key * 1000 + 900000) - greatest(start_ms, date_time_key * 1000), 0)::integer
        FROM (
            SELECT
                crossing.*,
                generate_series(
                    greatest(start_date_time_key, %(from_key)s),
                    least(greatest(start_ms, end_ms - 1) / 900000 * 900, %(to_key)s - 900),
                    900
                ) AS date_time_key
            FROM (
                SELECT
                    fact.*,
                    mart.epoch_ms(fact.start_at) AS start_ms,
                    mart.epoch_ms(coalesce(fact.end_at, greatest(horizon.reached_at, fact.start_at))) AS end_ms
                FROM mart.ixn_resource_state_fact AS fact
                LEFT JOIN ctl.aggregate_horizon AS horizon USING (source_key)
                WHERE fact.tenant_key = %(tenant_key)s
                  AND fact.start_date_time_key < %(to_key)s
                  AND fact.end_date_time_key IS DISTINCT FROM fact.start_date_time_key
                  AND coalesce(fact.end_date_time_key, 9223372036854775807) >= %(from_key)s
                OFFSET 0
            ) AS crossing
        ) AS lasting
    ) AS state
    JOIN mart.resource_ AS agent ON agent.resource_key = state.resource_key AND agent.resource_type_code = 'AGENT'
    LEFT JOIN mart.interaction_resource_fact AS attempt -- those without a customer, which are few
        ON attempt.tenant_key = state.tenant_key
        AND attempt.start_date_time_key = state.interaction_resource_sdt_key
        AND attempt.interaction_resource_id = state.interaction_resource_id
        AND attempt.start_date_time_key >= %(first_key)s
        AND attempt.start_date_time_key <= %(last_key)s
        AND attempt.customer_dial_count + attempt.customer_ring_count + attempt.customer_talk_count = 0
    GROUP BY state.tenant_key, state.date_time_key, state.resource_key, state.media_type_key, state.interaction_type_key, phase, relation
) AS piece
