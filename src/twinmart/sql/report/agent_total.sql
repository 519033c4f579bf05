-- Totals of each agent's calls from queues, consultations of a queue included.
-- grain   agent
-- reads   mart.agent_total
-- writes  nothing
-- rule    only agents who answered at least one
SELECT
    source_name AS source,
    agent_name AS name,
    sum(answered)::bigint AS answered,
    sum(talk_s)::float AS talk_s,
    sum(hold_s)::float AS hold_s
FROM mart.agent_total
WHERE attempt_kind IN ('queue', 'consult_queue')
GROUP BY source_name, agent, agent_name
HAVING sum(answered) > 0
ORDER BY source_name, agent_name
