-- Interaction handling attempt: the parts that resources had in interactions, flat.
-- grain   part of a resource in an interaction (IRF)
-- reads   mart.interaction_resource_fact, mart.interaction_fact, mart.report_resource, mart.technical_descriptor, mart.media_type,
--         mart.interaction_type, mart.irf_user_data_keys, mart.report_descriptor
-- writes  nothing
-- rule    a part belongs to the moment at which it began; one without an end has no duration yet
SELECT
    part.start_at,
    part.end_at,
    part.interaction_id::text AS interaction_id,
    part.interaction_resource_ordinal AS ordinal,
    part.interaction_resource_id::text AS handling_attempt_id,
    tenant.tenant_name AS tenant,
    target.source,
    target.site,
    media.media_name AS media_type,
    direction.interaction_type,
    part.attempt_kind,
    CASE WHEN target.resource_type_code = 'AGENT' THEN target.name END AS agent,
    target.natural_name AS target_resource,
    outcome.technical_result,
    outcome.result_reason,
    outcome.resource_role,
    outcome.role_reason,
    queue.name AS last_queue,
    whole.source_address,
    part.target_address,
    about.customer_segment,
    about.service_type,
    about.service_subtype,
    about.business_result,
    part.queue_duration_ms / 1000.0 AS queue_time_s,
    part.routing_point_duration_ms / 1000.0 AS routing_point_time_s,
    part.mediation_duration_ms / 1000.0 AS mediation_time_s,
    part.answered_at,
    part.total_duration_ms / 1000.0 AS total_time_s,
    part.customer_dial_count,
    part.customer_dial_duration_ms / 1000.0 AS customer_dial_time_s,
    part.customer_ring_count,
    part.customer_ring_duration_ms / 1000.0 AS customer_ring_time_s,
    part.customer_talk_count,
    part.customer_talk_duration_ms / 1000.0 AS customer_talk_time_s,
    part.customer_hold_count,
    part.customer_hold_duration_ms / 1000.0 AS customer_hold_time_s,
    part.customer_acw_count,
    part.customer_acw_duration_ms / 1000.0 AS customer_acw_time_s,
    part.customer_handle_count,
    part.cons_init_talk_count AS consult_initiated_count,
    (part.cons_init_dial_duration_ms + part.cons_init_talk_duration_ms + part.cons_init_hold_duration_ms) / 1000.0
        AS consult_initiated_time_s,
    part.cons_rcv_talk_count AS consult_received_count,
    (part.cons_rcv_ring_duration_ms + part.cons_rcv_talk_duration_ms + part.cons_rcv_hold_duration_ms) / 1000.0 AS consult_received_time_s,
    part.conference_initiated_count,
    (part.conf_init_talk_duration_ms + part.conf_init_hold_duration_ms) / 1000.0 AS conference_initiated_time_s,
    part.conf_join_talk_count AS conference_joined_count,
    (part.conf_join_talk_duration_ms + part.conf_join_hold_duration_ms) / 1000.0 AS conference_joined_time_s,
    (part.talk_duration_ms + part.hold_duration_ms) / 1000.0 AS other_talk_time_s,
    part.active_flag = 1 AS active,
    CASE part.stop_action WHEN 1 THEN 'resource' WHEN 0 THEN 'other' END AS stop_action
FROM mart.interaction_resource_fact AS part
JOIN mart.report_resource AS target ON target.resource_key = part.resource_key
JOIN mart.technical_descriptor AS outcome USING (technical_descriptor_key)
JOIN mart.tenant AS tenant ON tenant.tenant_key = part.tenant_key
JOIN mart.media_type AS media ON media.media_type_key = part.media_type_key
JOIN mart.interaction_type AS direction ON direction.interaction_type_key = part.interaction_type_key
LEFT JOIN mart.report_resource AS queue ON queue.resource_key = part.last_queue_resource_key AND queue.resource_key > 0
LEFT JOIN mart.interaction_fact AS whole
    ON whole.tenant_key = part.tenant_key
    AND whole.start_date_time_key = part.interaction_date_time_key
    AND whole.interaction_id = part.interaction_id
LEFT JOIN mart.irf_user_data_keys AS data
    ON data.tenant_key = part.tenant_key
    AND data.start_date_time_key = part.start_date_time_key
    AND data.interaction_resource_id = part.interaction_resource_id
    AND data.start_date_time_key >= mart.date_time_key(%(from_at)s)
    AND data.start_date_time_key <= mart.date_time_key(%(to_at)s)
JOIN mart.report_descriptor AS about ON about.interaction_descriptor_key = coalesce(data.interaction_descriptor_key, -2)
WHERE part.start_date_time_key >= mart.date_time_key(%(from_at)s)
  AND part.start_date_time_key <= mart.date_time_key(%(to_at)s)
  AND part.start_at >= %(from_at)s
  AND part.start_at < %(to_at)s
  AND (%(hours)s::int[] IS NULL OR extract(hour FROM part.start_at AT TIME ZONE %(zone)s) = ANY (%(hours)s))
  AND (%(queue)s::text[] IS NULL OR queue.name = ANY (%(queue)s))
  AND (%(agent)s::text[] IS NULL OR (target.resource_type_code = 'AGENT' AND (target.name = ANY (%(agent)s)
      OR target.natural_name = ANY (%(agent)s))))
  AND (%(group)s::text[] IS NULL OR target.resource_key = ANY (%(group_members)s::bigint[]))
  AND (%(source)s::text[] IS NULL OR target.source = ANY (%(source)s))
  AND (%(site)s::int[] IS NULL OR target.site = ANY (%(site)s))
  AND (%(tenant)s::text[] IS NULL OR tenant.tenant_name = ANY (%(tenant)s))
  AND (%(customer_segment)s::text[] IS NULL OR about.customer_segment = ANY (%(customer_segment)s))
  AND (%(service_type)s::text[] IS NULL OR about.service_type = ANY (%(service_type)s))
  AND (%(service_subtype)s::text[] IS NULL OR about.service_subtype = ANY (%(service_subtype)s))
  AND (%(business_result)s::text[] IS NULL OR about.business_result = ANY (%(business_result)s))
ORDER BY part.start_at, part.interaction_id, part.interaction_resource_ordinal, part.interaction_resource_id
