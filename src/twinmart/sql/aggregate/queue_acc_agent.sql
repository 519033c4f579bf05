-- Rows of QUEUE_ACC_AGENT: visits answered by an agent, in one of 20 buckets of their wait.
-- grain   visit of a caller to a queue
-- reads   mart.mediation_segment_fact, mart.interaction_resource_fact, mart.resource_, threshold, described (temporary)
-- writes  nothing
-- rule    in the interval in which the visit ENTERED the queue; only if the queue rang the agent who answered. The wait includes ringing; a wait
--         that is exactly an edge falls into the bucket that ends there. Edges are those in force at the entry. Business attributes are
--         those of the visit, where visits carry user data, else those of the attempt that answered it
-- parameters  tenant_key, from_key, to_key, last_key
SELECT
    visit.tenant_key,
    visit.date_time_key,
    visit.resource_key,
    visit.media_type_key,
    visit.interaction_type_key,
    visit.interaction_descriptor_key,
    visit.time_range_key,
    1 AS accepted_agent,
    visit.wait_ms AS accepted_agent_time_ms,
    (visit.bucket = 1)::integer AS accepted_agent_sti_1,
    (visit.bucket = 2)::integer AS accepted_agent_sti_2,
    (visit.bucket = 3)::integer AS accepted_agent_sti_3,
    (visit.bucket = 4)::integer AS accepted_agent_sti_4,
    (visit.bucket = 5)::integer AS accepted_agent_sti_5,
    (visit.bucket = 6)::integer AS accepted_agent_sti_6,
    (visit.bucket = 7)::integer AS accepted_agent_sti_7,
    (visit.bucket = 8)::integer AS accepted_agent_sti_8,
    (visit.bucket = 9)::integer AS accepted_agent_sti_9,
    (visit.bucket = 10)::integer AS accepted_agent_sti_10,
    (visit.bucket = 11)::integer AS accepted_agent_sti_11,
    (visit.bucket = 12)::integer AS accepted_agent_sti_12,
    (visit.bucket = 13)::integer AS accepted_agent_sti_13,
    (visit.bucket = 14)::integer AS accepted_agent_sti_14,
    (visit.bucket = 15)::integer AS accepted_agent_sti_15,
    (visit.bucket = 16)::integer AS accepted_agent_sti_16,
    (visit.bucket = 17)::integer AS accepted_agent_sti_17,
    (visit.bucket = 18)::integer AS accepted_agent_sti_18,
    (visit.bucket = 19)::integer AS accepted_agent_sti_19,
    (visit.bucket = 20)::integer AS accepted_agent_sti_20
FROM (
    SELECT
        fact.tenant_key,
        fact.start_date_time_key AS date_time_key,
        fact.resource_key,
        fact.media_type_key,
        fact.interaction_type_key,
        coalesce(described.interaction_descriptor_key, answered.interaction_descriptor_key, -2) AS interaction_descriptor_key,
        fact.total_duration_ms AS wait_ms,
        coalesce(threshold.accepted_range_key, -2) AS time_range_key,
        width_bucket(fact.total_duration_ms - 1, threshold.accepted_edges_ms) + 1 AS bucket
    FROM (
        SELECT *
        FROM mart.mediation_segment_fact
        WHERE tenant_key = %(tenant_key)s AND start_date_time_key >= %(from_key)s AND start_date_time_key < %(to_key)s
        OFFSET 0
    ) AS fact
    JOIN mart.interaction_resource_fact AS answer
        ON answer.tenant_key = fact.tenant_key
        AND answer.start_date_time_key = fact.target_ixn_resource_sdt_key
        AND answer.interaction_resource_id = fact.target_ixn_resource_id
        AND answer.start_date_time_key >= %(from_key)s
        AND answer.start_date_time_key <= %(last_key)s
    JOIN mart.resource_ AS agent ON agent.resource_key = answer.resource_key AND agent.resource_type_code = 'AGENT'
    LEFT JOIN threshold
        ON threshold.resource_key = fact.resource_key
        AND threshold.media_type_key = fact.media_type_key
        AND fact.start_at >= threshold.from_at
        AND fact.start_at < threshold.to_at
    LEFT JOIN described
        ON described.tenant_key = fact.tenant_key
        AND described.start_date_time_key = fact.start_date_time_key
        AND described.interaction_resource_id = fact.mediation_segment_id
        AND described.start_date_time_key >= %(from_key)s
        AND described.start_date_time_key < %(to_key)s
    LEFT JOIN described AS answered
        ON answered.tenant_key = fact.tenant_key
        AND answered.start_date_time_key = fact.target_ixn_resource_sdt_key
        AND answered.interaction_resource_id = fact.target_ixn_resource_id
        AND answered.start_date_time_key >= %(from_key)s
        AND answered.start_date_time_key <= %(last_key)s
    WHERE fact.result = 'answered'
) AS visit
