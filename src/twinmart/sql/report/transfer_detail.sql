-- Transfer detail: who sent a call on, how, to whom, and what came of it.
-- grain   part of a resource that ended with a transfer
-- reads   mart.interaction_resource_fact, mart.interaction_fact, mart.report_resource, mart.technical_descriptor
-- writes  nothing
-- rule    a transfer belongs to the moment at which the sender's part began; it is attended if the sender consulted somebody before;
--         of several who received it the one who answered last, else the one who was rung last
SELECT
    sent.start_at,
    sent.end_at,
    whole.source_address AS caller,
    sender.name AS agent,
    queue.name AS queue,
    CASE WHEN consult.interaction_resource_id IS NULL THEN 'blind' ELSE 'attended' END AS transfer_type,
    received.name AS received_by,
    lower(received.resource_type_code) AS received_by_type,
    coalesce(received.target_address, consult.target_address) AS target_address,
    received_queue.name AS received_queue,
    received.resource_role,
    received.technical_result,
    received.is_answered AS answered,
    (sent.customer_talk_duration_ms + sent.talk_duration_ms) / 1000.0 AS engage_time_before_s,
    (sent.customer_hold_duration_ms + sent.hold_duration_ms) / 1000.0 AS hold_time_before_s,
    received.talk_ms / 1000.0 AS engage_time_after_s,
    sender.source,
    sender.site,
    sender.tenant,
    sent.interaction_id::text AS interaction_id
FROM mart.interaction_resource_fact AS sent
JOIN mart.report_resource AS sender USING (resource_key)
LEFT JOIN mart.report_resource AS queue ON queue.resource_key = sent.last_queue_resource_key AND queue.resource_key > 0
LEFT JOIN mart.interaction_fact AS whole
    ON whole.tenant_key = sent.tenant_key
    AND whole.start_date_time_key = sent.interaction_date_time_key
    AND whole.interaction_id = sent.interaction_id
LEFT JOIN LATERAL (
    SELECT asked.interaction_resource_id, asked.target_address
    FROM mart.interaction_resource_fact AS asked
    WHERE asked.interaction_id = sent.interaction_id
      AND asked.resource_key = sent.resource_key
      AND asked.attempt_kind = 'consult_out'
      AND asked.start_at BETWEEN sent.start_at AND coalesce(sent.end_at, 'infinity')
    ORDER BY asked.start_at DESC
    LIMIT 1
) AS consult ON true
LEFT JOIN LATERAL (
    SELECT
        taker.name, taker.resource_type_code, part.target_address, outcome.resource_role, outcome.technical_result,
        part.answered_at IS NOT NULL AS is_answered, part.last_queue_resource_key,
        part.talk_duration_ms + part.customer_talk_duration_ms + part.post_cons_xfer_talk_duration_ms
            + part.conf_join_talk_duration_ms + part.cons_rcv_talk_duration_ms AS talk_ms
    FROM mart.interaction_resource_fact AS part
    JOIN mart.report_resource AS taker USING (resource_key)
    JOIN mart.technical_descriptor AS outcome USING (technical_descriptor_key)
    WHERE part.interaction_id = sent.interaction_id
      AND part.received_from_ixn_resource_id IN (sent.interaction_resource_id, consult.interaction_resource_id)
    ORDER BY part.answered_at DESC NULLS LAST, part.start_at DESC, part.interaction_resource_id
    LIMIT 1
) AS received ON true
LEFT JOIN mart.report_resource AS received_queue
    ON received_queue.resource_key = received.last_queue_resource_key AND received_queue.resource_key > 0
WHERE sent.transferred_flag = 1
  AND sent.start_date_time_key >= mart.date_time_key(%(from_at)s)
  AND sent.start_date_time_key <= mart.date_time_key(%(to_at)s)
  AND sent.start_at >= %(from_at)s
  AND sent.start_at < %(to_at)s
  AND (%(hours)s::int[] IS NULL OR extract(hour FROM sent.start_at AT TIME ZONE %(zone)s) = ANY (%(hours)s))
  AND (%(queue)s::text[] IS NULL OR queue.name = ANY (%(queue)s))
  AND (%(agent)s::text[] IS NULL OR sender.name = ANY (%(agent)s) OR sender.natural_name = ANY (%(agent)s))
  AND (%(group)s::text[] IS NULL OR sender.resource_key = ANY (%(group_members)s::bigint[]))
  AND (%(source)s::text[] IS NULL OR sender.source = ANY (%(source)s))
  AND (%(site)s::int[] IS NULL OR sender.site = ANY (%(site)s))
  AND (%(tenant)s::text[] IS NULL OR sender.tenant = ANY (%(tenant)s))
ORDER BY sent.start_at, sent.interaction_resource_id
