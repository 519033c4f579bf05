-- Rows of mart.mediation_segment_fact for the working interactions.
-- grain   visit of a channel to a queue
-- reads   visit (temporary), interaction (temporary), leg (temporary), channel (temporary), transfer (temporary), cfg.queue_setting,
--         mart.technical_descriptor
-- writes  nothing
-- rule    the wait is from the entry to the answer or to leaving; an abandon while a phone rang is one while ringing. A phone that was
--         called, or did not begin the call, came into the queue by a transfer; so did a call that began on another switch
SELECT
    1 AS tenant_key,
    mart.date_time_key(visit.start_at) AS start_date_time_key,
    mart.fact_key(
        mart.epoch_ms(visit.start_at),
        'MEDIATION|' || interaction.source_name || '|' || visit.channel_id || '|' || visit.queue || '|' || visit.entry_ordinal
    ) AS mediation_segment_id,
    interaction.interaction_id,
    interaction.start_date_time_key AS interaction_date_time_key,
    visit.source_key,
    1 AS media_type_key,
    interaction.interaction_type_key,
    mart.dimension_key('QUEUE|' || interaction.source_name || '|' || visit.queue) AS resource_key,
    -2 AS resource_group_combination_key,
    coalesce(descriptor.technical_descriptor_key, -1) AS technical_descriptor_key,
    mart.fact_key(mart.epoch_ms(placed.start_at), 'RESOURCE|' || interaction.source_name || '|' || placed.attempt_id) AS ixn_resource_id,
    mart.fact_key(mart.epoch_ms(answer.start_at), 'RESOURCE|' || interaction.source_name || '|' || answer.attempt_id)
        AS target_ixn_resource_id,
    mart.date_time_key(answer.start_at) AS target_ixn_resource_sdt_key,
    visit.channel_id,
    visit.entry_ordinal::integer AS entry_ordinal,
    visit.result,
    CASE
        WHEN caller.is_consult THEN 'consult'
        WHEN before.visit_no IS NOT NULL AND before.result <> 'answered' THEN 'overflow'
        WHEN before.visit_no IS NOT NULL
            OR NOT interaction.is_root
            OR (caller.is_local AND caller.start_state IS NOT NULL AND caller.start_at > interaction.start_at + interval '1 second')
            OR caller.start_state <> 'Ring'
            OR (caller.start_state IS NULL AND NOT caller.is_local AND caller.channel_id <> visit.root_id)
            THEN 'transfer'
        ELSE 'arrival'
    END AS entered_by,
    visit.position,
    visit.offer_count::integer AS offer_count,
    visit.start_at,
    visit.end_at,
    mart.date_time_key(visit.end_at) AS end_date_time_key,
    mart.epoch_ms(visit.end_at) - mart.epoch_ms(visit.start_at) AS total_duration_ms,
    CASE WHEN visit.result = 'answered' THEN
        (mart.epoch_ms(visit.end_at) - mart.epoch_ms(visit.start_at) <= setting.service_level_ms)::integer::smallint
    END AS met_threshold_flag,
    (visit.result = 'abandoned' AND mart.epoch_ms(visit.end_at) - mart.epoch_ms(visit.start_at) <= setting.short_abandon_ms)
        ::integer::smallint AS short_abandoned_flag,
    (CASE visit.result WHEN 'abandoned' THEN 1 WHEN 'exitkey' THEN 1 WHEN 'unknown' THEN -1 ELSE 0 END)::smallint AS stop_action,
    (visit.result = 'waiting')::integer::smallint AS active_flag
FROM visit
JOIN interaction ON interaction.source_key = visit.source_key AND interaction.root_id = visit.root_id AND NOT interaction.is_broken
JOIN channel AS caller ON caller.source_key = visit.source_key AND caller.channel_id = visit.channel_id
LEFT JOIN visit AS before
    ON before.source_key = visit.source_key AND before.channel_id = visit.channel_id AND before.visit_no = visit.visit_no - 1
LEFT JOIN leg AS placed ON placed.source_key = visit.source_key AND placed.attempt_id = visit.channel_id
LEFT JOIN (
    SELECT DISTINCT ON (source_key, caller_id, visit_no) source_key, caller_id, visit_no, attempt_id, start_at
    FROM leg
    WHERE queue IS NOT NULL AND kind <> 'mediation' AND answered_at IS NOT NULL
    ORDER BY source_key, caller_id, visit_no, answered_at
) AS answer
    ON answer.source_key = visit.source_key AND answer.caller_id = visit.channel_id AND answer.visit_no = visit.visit_no
    AND visit.result = 'answered'
LEFT JOIN (
    SELECT DISTINCT rung.source_key, rung.caller_id, rung.visit_no
    FROM leg AS rung
    JOIN visit AS left_ringing
        ON left_ringing.source_key = rung.source_key AND left_ringing.channel_id = rung.caller_id
        AND left_ringing.visit_no = rung.visit_no AND left_ringing.result = 'abandoned'
    WHERE rung.queue IS NOT NULL
      AND rung.kind <> 'mediation'
      AND rung.answered_at IS NULL
      AND rung.end_at BETWEEN left_ringing.end_at - interval '100 milliseconds' AND left_ringing.end_at + interval '1 second'
) AS ringing
    ON ringing.source_key = visit.source_key AND ringing.caller_id = visit.channel_id AND ringing.visit_no = visit.visit_no
JOIN LATERAL (
    SELECT service_level_ms, short_abandon_ms
    FROM cfg.queue_setting
    WHERE source_name IN (interaction.source_name, '*') AND queue IN (visit.queue, '*')
    ORDER BY (source_name = '*')::integer, (queue = '*')::integer
    LIMIT 1
) AS setting ON true
LEFT JOIN mart.technical_descriptor AS descriptor
    ON descriptor.resource_role = CASE WHEN caller.is_consult THEN 'ReceivedConsult' ELSE 'Received' END
    AND descriptor.role_reason = 'Unspecified'
    AND descriptor.technical_result = CASE visit.result
        WHEN 'abandoned' THEN CASE WHEN caller.is_consult THEN 'Abandoned' ELSE 'CustomerAbandoned' END
        WHEN 'unknown' THEN 'AbnormalStop'
        WHEN 'waiting' THEN 'Incomplete'
        ELSE 'Diverted'
    END
    AND descriptor.result_reason = CASE visit.result
        WHEN 'answered' THEN 'AnsweredByAgent'
        WHEN 'abandoned' THEN CASE WHEN ringing.caller_id IS NOT NULL THEN 'AbandonedWhileRinging' ELSE 'AbandonedWhileQueued' END
        WHEN 'timeout' THEN 'TimedOut'
        WHEN 'exitkey' THEN 'ExitedByKey'
        WHEN 'leaveempty' THEN 'LeftEmpty'
        WHEN 'joinempty' THEN 'JoinRefusedEmpty'
        WHEN 'full' THEN 'JoinRefusedFull'
        WHEN 'unknown' THEN 'AbandonedWhileQueued'
        ELSE 'Unspecified'
    END
