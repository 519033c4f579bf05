-- What each resource did, piece by piece: dial, ring, talk, hold; and in which relation to the customer.
-- grain   attempt, piece of time in which nothing changes
-- reads   leg (temporary), hold (temporary), conference (temporary)
-- writes  nothing
-- rule    the pieces tile the attempt. Their families exclude each other: conference before consultation placed, consultation received
--         (until the transfer is completed, then post-consultation transfer), customer, and plain for all others. The last piece of an
--         attempt that goes on has no end
WITH edge AS (
    SELECT leg.source_key, leg.attempt_id, mart.epoch_ms(moment.at) AS at_ms, 0 AS holding, 0 AS beginning, 0 AS joining
    FROM leg
    CROSS JOIN LATERAL (
        VALUES (leg.start_at), (leg.answered_at), (leg.end_at), (leg.consult_completed_at)
    ) AS moment (at)
    WHERE leg.kind <> 'mediation'
      AND moment.at >= leg.start_at
      AND moment.at <= coalesce(leg.end_at, 'infinity')
    UNION ALL
    SELECT
        leg.source_key,
        leg.attempt_id,
        mart.epoch_ms(least(greatest(moment.at, leg.answered_at), leg.end_at)),
        moment.holding,
        moment.beginning,
        CASE WHEN leg.kind <> 'consult_out' THEN moment.joining ELSE 0 END
    FROM leg
    JOIN (
        SELECT source_key, channel_id, start_at AS at, 1 AS holding, 0 AS beginning, 0 AS joining FROM hold
        UNION ALL
        SELECT source_key, channel_id, end_at, -1, 0, 0 FROM hold WHERE end_at IS NOT NULL
        UNION ALL
        SELECT source_key, channel_id, start_at, 0, is_initiator::integer, 1 FROM conference
        UNION ALL
        SELECT source_key, channel_id, end_at, 0, -is_initiator::integer, -1 FROM conference WHERE end_at IS NOT NULL
    ) AS moment ON moment.source_key = leg.source_key AND moment.channel_id = leg.phone_id
    WHERE leg.kind <> 'mediation' AND leg.answered_at IS NOT NULL
),
piece AS (
    SELECT
        source_key,
        attempt_id,
        at_ms,
        lead(at_ms) OVER course AS until_ms,
        sum(holding) OVER course > 0 AS is_held,
        sum(beginning) OVER course > 0 AS is_initiator,
        sum(joining) OVER course > 0 AS is_conference
    FROM (
        SELECT source_key, attempt_id, at_ms, sum(holding) AS holding, sum(beginning) AS beginning, sum(joining) AS joining
        FROM edge
        GROUP BY source_key, attempt_id, at_ms
    ) AS moment
    WINDOW course AS (PARTITION BY source_key, attempt_id ORDER BY at_ms)
),
phased AS (
    SELECT
        leg.source_key,
        leg.root_id,
        leg.attempt_id,
        leg.kind,
        piece.at_ms,
        piece.until_ms,
        CASE
            WHEN leg.answered_at IS NULL OR piece.at_ms < mart.epoch_ms(leg.answered_at)
                THEN CASE WHEN leg.kind IN ('outbound', 'internal_out', 'consult_out') THEN 'dial' ELSE 'ring' END
            WHEN piece.is_held THEN 'hold'
            ELSE 'talk'
        END AS phase,
        CASE
            WHEN piece.is_initiator AND piece.is_conference THEN 'conf_init'
            WHEN piece.is_conference THEN 'conf_join'
            WHEN leg.kind = 'consult_out' THEN 'cons_init'
            WHEN leg.kind IN ('consult', 'consult_queue') AND piece.at_ms < coalesce(mart.epoch_ms(leg.consult_completed_at), 9223372036854775807)
                THEN 'cons_rcv'
            WHEN leg.kind IN ('consult', 'consult_queue') THEN 'post_cons_xfer'
            WHEN leg.kind IN ('direct', 'outbound') OR (leg.kind = 'queue' AND NOT leg.is_from_agent) THEN 'customer'
            ELSE 'plain'
        END AS family
    FROM piece
    JOIN leg USING (source_key, attempt_id)
    WHERE piece.until_ms IS NOT NULL OR leg.end_at IS NULL
)
SELECT
    *,
    lag(phase) OVER (PARTITION BY source_key, attempt_id ORDER BY at_ms) IS DISTINCT FROM phase AS begins,
    lag(phase) OVER (PARTITION BY source_key, attempt_id ORDER BY at_ms) AS phase_before
FROM phased
