-- What each resource did, piece by piece: dial, ring, talk, hold; and in which relation to the customer.
-- grain   attempt, piece of time in which nothing changes
-- reads   leg (temporary), hold (temporary), conference (temporary)
-- writes  nothing
-- rule    the pieces tile the attempt. Their families exclude each other: conference before consultation placed, consultation received
--         (until the transfer is completed, then post-consultation transfer), customer, and plain for all others. The last piece of an
--         attempt that goes on has no end
WITH edge AS (
    SELECT leg.source_key, leg.attempt_id, mart.epoch_ms(moment.at) AS at_ms
    FROM leg
    CROSS JOIN LATERAL (
        VALUES (leg.start_at), (leg.answered_at), (leg.end_at), (leg.consult_completed_at)
    ) AS moment (at)
    WHERE leg.kind <> 'mediation'
      AND moment.at >= leg.start_at
      AND moment.at <= coalesce(leg.end_at, 'infinity')
    UNION
    SELECT leg.source_key, leg.attempt_id, mart.epoch_ms(moment.at)
    FROM leg
    JOIN (
        SELECT source_key, channel_id, start_at AS at FROM hold
        UNION ALL
        SELECT source_key, channel_id, end_at FROM hold
        UNION ALL
        SELECT source_key, channel_id, start_at FROM conference
        UNION ALL
        SELECT source_key, channel_id, end_at FROM conference
    ) AS moment ON moment.source_key = leg.source_key AND moment.channel_id = leg.phone_id
    WHERE leg.kind <> 'mediation'
      AND leg.answered_at IS NOT NULL
      AND moment.at > leg.answered_at
      AND moment.at < coalesce(leg.end_at, 'infinity')
),
piece AS (
    SELECT source_key, attempt_id, at_ms, lead(at_ms) OVER (PARTITION BY source_key, attempt_id ORDER BY at_ms) AS until_ms
    FROM edge
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
            WHEN EXISTS (
                SELECT
                FROM hold
                WHERE hold.source_key = leg.source_key
                  AND hold.channel_id = leg.phone_id
                  AND mart.epoch_ms(hold.start_at) <= piece.at_ms
                  AND piece.at_ms < coalesce(mart.epoch_ms(hold.end_at), 9223372036854775807)
            ) THEN 'hold'
            ELSE 'talk'
        END AS phase,
        CASE
            WHEN conference.is_initiator THEN 'conf_init'
            WHEN NOT conference.is_initiator THEN 'conf_join'
            WHEN leg.kind = 'consult_out' THEN 'cons_init'
            WHEN leg.kind IN ('consult', 'consult_queue') AND piece.at_ms < coalesce(mart.epoch_ms(leg.consult_completed_at), 9223372036854775807)
                THEN 'cons_rcv'
            WHEN leg.kind IN ('consult', 'consult_queue') THEN 'post_cons_xfer'
            WHEN leg.kind IN ('direct', 'outbound') OR (leg.kind = 'queue' AND NOT leg.is_from_agent) THEN 'customer'
            ELSE 'plain'
        END AS family
    FROM piece
    JOIN leg USING (source_key, attempt_id)
    LEFT JOIN conference
        ON conference.source_key = leg.source_key
        AND conference.channel_id = leg.phone_id
        AND leg.kind <> 'consult_out'
        AND mart.epoch_ms(conference.start_at) <= piece.at_ms
        AND piece.at_ms < coalesce(mart.epoch_ms(conference.end_at), 9223372036854775807)
    WHERE (piece.until_ms IS NOT NULL AND piece.until_ms > piece.at_ms) OR (piece.until_ms IS NULL AND leg.end_at IS NULL)
)
SELECT
    *,
    lag(phase) OVER (PARTITION BY source_key, attempt_id ORDER BY at_ms) IS DISTINCT FROM phase AS begins,
    lag(phase) OVER (PARTITION BY source_key, attempt_id ORDER BY at_ms) AS phase_before
FROM phased
