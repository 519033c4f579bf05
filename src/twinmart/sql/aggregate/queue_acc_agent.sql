-- Rows of QUEUE_ACC_AGENT: those of QUEUE that an agent answered, in one of 20 buckets of their wait.
-- grain   visit of a caller to a queue
-- reads   part (the rows of aggregate/queue)
-- writes  nothing
-- rule    in the interval in which the visit ENTERED the queue; only if the queue rang the agent who answered. The wait includes ringing; a wait
--         that is exactly an edge falls into the bucket that ends there
SELECT
    part.tenant_key,
    part.date_time_key,
    part.resource_key,
    part.media_type_key,
    part.interaction_type_key,
    part.interaction_descriptor_key,
    part.time_range_key,
    part.accepted_agent,
    part.accepted_agent_time_ms,
    CASE WHEN part.bucket = 1 THEN part.accepted_agent ELSE 0 END AS accepted_agent_sti_1,
    CASE WHEN part.bucket = 2 THEN part.accepted_agent ELSE 0 END AS accepted_agent_sti_2,
    CASE WHEN part.bucket = 3 THEN part.accepted_agent ELSE 0 END AS accepted_agent_sti_3,
    CASE WHEN part.bucket = 4 THEN part.accepted_agent ELSE 0 END AS accepted_agent_sti_4,
    CASE WHEN part.bucket = 5 THEN part.accepted_agent ELSE 0 END AS accepted_agent_sti_5,
    CASE WHEN part.bucket = 6 THEN part.accepted_agent ELSE 0 END AS accepted_agent_sti_6,
    CASE WHEN part.bucket = 7 THEN part.accepted_agent ELSE 0 END AS accepted_agent_sti_7,
    CASE WHEN part.bucket = 8 THEN part.accepted_agent ELSE 0 END AS accepted_agent_sti_8,
    CASE WHEN part.bucket = 9 THEN part.accepted_agent ELSE 0 END AS accepted_agent_sti_9,
    CASE WHEN part.bucket = 10 THEN part.accepted_agent ELSE 0 END AS accepted_agent_sti_10,
    CASE WHEN part.bucket = 11 THEN part.accepted_agent ELSE 0 END AS accepted_agent_sti_11,
    CASE WHEN part.bucket = 12 THEN part.accepted_agent ELSE 0 END AS accepted_agent_sti_12,
    CASE WHEN part.bucket = 13 THEN part.accepted_agent ELSE 0 END AS accepted_agent_sti_13,
    CASE WHEN part.bucket = 14 THEN part.accepted_agent ELSE 0 END AS accepted_agent_sti_14,
    CASE WHEN part.bucket = 15 THEN part.accepted_agent ELSE 0 END AS accepted_agent_sti_15,
    CASE WHEN part.bucket = 16 THEN part.accepted_agent ELSE 0 END AS accepted_agent_sti_16,
    CASE WHEN part.bucket = 17 THEN part.accepted_agent ELSE 0 END AS accepted_agent_sti_17,
    CASE WHEN part.bucket = 18 THEN part.accepted_agent ELSE 0 END AS accepted_agent_sti_18,
    CASE WHEN part.bucket = 19 THEN part.accepted_agent ELSE 0 END AS accepted_agent_sti_19,
    CASE WHEN part.bucket = 20 THEN part.accepted_agent ELSE 0 END AS accepted_agent_sti_20
FROM part
WHERE part.accepted_agent > 0
