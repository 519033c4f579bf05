-- The value of each mapped key for each interaction resource, and for each mediation segment where these carry user data too.
-- grain   row that carries user data, column
-- reads   user_data (temporary), new_interaction_resource_fact (temporary), new_mediation_segment_fact (temporary),
--         ctl.ud_to_ude_mapping, cfg.option
-- writes  nothing
-- rule    CALL the last value when the interaction leaves the resource; PARTY the last one told of the resource's own channel since it
--         took part, also after it left; IRF the last change while it took part; IRF_FIRST_UPDATE the first change since the queue first
--         offered the interaction to anybody; IRF_INITIAL the value when its phone began to ring; IRF_ROUTE the value when the way to it
--         was chosen: at the entry of the queue, or when it was dialled. What ended in a queue has no party
WITH target AS (
    SELECT
        part.interaction_id,
        part.interaction_resource_id,
        part.start_date_time_key,
        false AS is_segment,
        part.source_key,
        CASE WHEN part.attempt_kind <> 'mediation' THEN part.channel_id END AS party_id,
        CASE WHEN part.attempt_kind IN ('outbound', 'internal_out', 'consult_out') THEN part.start_at ELSE part.answered_at END AS party_from,
        part.start_at,
        part.end_at,
        coalesce(
            min(part.start_at) FILTER (WHERE part.attempt_kind <> 'mediation') OVER (PARTITION BY part.mediation_segment_id),
            part.start_at
        ) AS offered_at,
        part.mediation_segment_id IS NOT NULL AS is_queued,
        coalesce(segment.start_at, part.start_at) AS routed_at
    FROM new_interaction_resource_fact AS part
    LEFT JOIN new_mediation_segment_fact AS segment USING (mediation_segment_id)
    UNION ALL
    SELECT
        segment.interaction_id,
        segment.mediation_segment_id,
        segment.start_date_time_key,
        true,
        segment.source_key,
        answer.channel_id,
        answer.answered_at,
        segment.start_at,
        segment.end_at,
        segment.start_at,
        false,
        segment.start_at
    FROM new_mediation_segment_fact AS segment
    LEFT JOIN new_interaction_resource_fact AS answer ON answer.interaction_resource_id = segment.target_ixn_resource_id
    WHERE cfg.mart_option('gim-etl', 'link-msf-userdata', 'false') = 'true'
),
found AS (
    SELECT
        target.interaction_resource_id,
        mapping.id,
        CASE mapping.propagation_rule
            WHEN 'IRF_FIRST_UPDATE' THEN (array_agg(told.value ORDER BY told.at, told.event_id))[1]
            ELSE (array_agg(told.value ORDER BY told.at DESC, told.event_id DESC))[1]
        END AS value
    FROM target
    JOIN user_data AS told USING (interaction_id)
    JOIN ctl.ud_to_ude_mapping AS mapping ON mapping.ud_key_name = told.key AND mapping.active_flag = 1
    WHERE CASE mapping.propagation_rule
        WHEN 'CALL' THEN told.at <= coalesce(target.end_at, 'infinity')
        WHEN 'PARTY' THEN told.source_key = target.source_key AND told.channel_id = target.party_id AND told.at >= target.party_from
        WHEN 'IRF' THEN told.is_change AND told.at >= target.start_at AND told.at <= coalesce(target.end_at, 'infinity')
        WHEN 'IRF_FIRST_UPDATE' THEN
            told.is_change
            AND told.at >= CASE WHEN target.is_queued THEN target.offered_at ELSE target.start_at END
            AND told.at <= coalesce(target.end_at, 'infinity')
        WHEN 'IRF_INITIAL' THEN told.at <= target.start_at
        WHEN 'IRF_ROUTE' THEN told.at <= target.routed_at
    END
    GROUP BY target.interaction_resource_id, mapping.id, mapping.propagation_rule
),
valued AS (
    SELECT target.*, mapping.*, coalesce(found.value, mapping.default_value) AS value
    FROM target
    JOIN found USING (interaction_resource_id)
    JOIN ctl.ud_to_ude_mapping AS mapping USING (id)
    UNION ALL
    SELECT target.*, mapping.*, mapping.default_value
    FROM target
    JOIN ctl.ud_to_ude_mapping AS mapping ON mapping.active_flag = 1 AND mapping.default_value IS NOT NULL
    WHERE NOT EXISTS (
        SELECT FROM found WHERE found.interaction_resource_id = target.interaction_resource_id AND found.id = mapping.id
    )
)
SELECT
    interaction_id,
    interaction_resource_id,
    start_date_time_key,
    is_segment,
    ud_key_name,
    regexp_replace(ude_table_name, '_[0-9]+$', '') AS table_name,
    coalesce(substring(ude_table_name FROM '_([0-9]{1,3})$')::integer, 0) AS table_no,
    ude_column_name AS column_name,
    value
FROM valued
WHERE value IS NOT NULL
