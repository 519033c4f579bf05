-- Interaction flow: the course of interactions over queues, agents and sites, step by step.
-- grain   visit to a queue, or part of a resource, in an interaction
-- reads   mart.interaction_fact, mart.mediation_segment_fact, mart.interaction_resource_fact, mart.report_resource,
--         mart.technical_descriptor
-- writes  nothing
-- rule    an interaction belongs to the moment at which it began, with all its steps; a queue in which it ended is a visit and no part
WITH whole AS (
    SELECT interaction.*
    FROM mart.interaction_fact AS interaction
    WHERE interaction.start_date_time_key >= mart.date_time_key(%(from_at)s)
      AND interaction.start_date_time_key <= mart.date_time_key(%(to_at)s)
      AND interaction.start_at >= %(from_at)s
      AND interaction.start_at < %(to_at)s
      AND (%(interaction)s::text IS NULL OR interaction.interaction_id::text = %(interaction)s
          OR interaction.media_server_root_ixn_guid = %(interaction)s)
      AND (%(hours)s::int[] IS NULL OR extract(hour FROM interaction.start_at AT TIME ZONE %(zone)s) = ANY (%(hours)s))
)
SELECT
    step.start_at,
    step.end_at,
    whole.interaction_id::text AS interaction_id,
    row_number() OVER (PARTITION BY whole.interaction_id ORDER BY step.start_at, step.rank, step.id) AS step,
    step.kind,
    place.name AS resource,
    lower(place.resource_type_code) AS resource_type,
    outcome.resource_role,
    outcome.technical_result,
    outcome.result_reason,
    step.came_by,
    sender.name AS received_from,
    whole.source_address AS caller,
    step.wait_ms / 1000.0 AS wait_s,
    step.talk_ms / 1000.0 AS engage_time_s,
    step.hold_ms / 1000.0 AS hold_time_s,
    step.acw_ms / 1000.0 AS wrap_time_s,
    place.source,
    place.site,
    place.tenant
FROM whole
JOIN LATERAL (
    SELECT
        visit.mediation_segment_id AS id, 0 AS rank, visit.start_at, visit.end_at, 'queue' AS kind, visit.resource_key,
        visit.technical_descriptor_key, visit.entered_by AS came_by, NULL::uuid AS sender_id,
        visit.total_duration_ms AS wait_ms, NULL::bigint AS talk_ms, NULL::bigint AS hold_ms, NULL::bigint AS acw_ms
    FROM mart.mediation_segment_fact AS visit
    WHERE visit.interaction_id = whole.interaction_id
    UNION ALL
    SELECT
        part.interaction_resource_id, 1, part.start_at, part.end_at, part.attempt_kind, part.resource_key,
        part.technical_descriptor_key, NULL, part.received_from_ixn_resource_id,
        mart.epoch_ms(coalesce(part.answered_at, part.end_at)) - mart.epoch_ms(part.start_at),
        part.talk_duration_ms + part.customer_talk_duration_ms + part.post_cons_xfer_talk_duration_ms
            + part.conf_init_talk_duration_ms + part.conf_join_talk_duration_ms
            + part.cons_init_talk_duration_ms + part.cons_rcv_talk_duration_ms,
        part.hold_duration_ms + part.customer_hold_duration_ms + part.post_cons_xfer_hold_duration_ms
            + part.conf_init_hold_duration_ms + part.conf_join_hold_duration_ms
            + part.cons_init_hold_duration_ms + part.cons_rcv_hold_duration_ms,
        part.after_call_work_duration_ms + part.customer_acw_duration_ms + part.cons_rcv_acw_duration_ms
    FROM mart.interaction_resource_fact AS part
    WHERE part.interaction_id = whole.interaction_id
      AND (part.attempt_kind <> 'mediation' OR part.mediation_segment_id IS NULL)
) AS step ON true
JOIN mart.report_resource AS place ON place.resource_key = step.resource_key
JOIN mart.technical_descriptor AS outcome ON outcome.technical_descriptor_key = step.technical_descriptor_key
LEFT JOIN mart.interaction_resource_fact AS before
    ON before.interaction_resource_id = step.sender_id AND before.interaction_id = whole.interaction_id
LEFT JOIN mart.report_resource AS sender ON sender.resource_key = before.resource_key
WHERE (%(queue)s::text[] IS NULL OR EXISTS (
        SELECT FROM mart.mediation_segment_fact AS visit
        JOIN mart.report_resource AS queue USING (resource_key)
        WHERE visit.interaction_id = whole.interaction_id AND queue.name = ANY (%(queue)s)
    ))
  AND (%(agent)s::text[] IS NULL OR EXISTS (
        SELECT FROM mart.interaction_resource_fact AS part
        JOIN mart.report_resource AS agent USING (resource_key)
        WHERE part.interaction_id = whole.interaction_id AND (agent.name = ANY (%(agent)s) OR agent.natural_name = ANY (%(agent)s))
    ))
  AND (%(source)s::text[] IS NULL OR place.source = ANY (%(source)s))
  AND (%(site)s::int[] IS NULL OR place.site = ANY (%(site)s))
  AND (%(tenant)s::text[] IS NULL OR place.tenant = ANY (%(tenant)s))
ORDER BY whole.start_at, whole.interaction_id, step.start_at, step.rank, step.id
