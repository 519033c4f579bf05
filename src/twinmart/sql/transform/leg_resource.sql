-- Mark the agents whose part in the working interactions may have changed, as it was and as it is.
-- grain   agent
-- reads   leg (temporary), mart.interaction_resource_fact, stale_interaction (temporary)
-- writes  leg_resource (temporary)
-- rule    an agent is busy while in a call, so a change of the call changes the agent's states from its start on
INSERT INTO leg_resource (resource_key, from_at)
SELECT resource_key, min(start_at)
FROM (
    SELECT resource_key, start_at FROM leg WHERE is_agent
    UNION ALL
    SELECT fact.resource_key, fact.start_at
    FROM stale_interaction AS stale
    JOIN mart.interaction_resource_fact AS fact
        ON fact.interaction_id = stale.interaction_id
        AND fact.start_date_time_key BETWEEN %(from_key)s AND %(to_key)s
    WHERE fact.attempt_kind NOT IN ('external', 'mediation')
) AS part
GROUP BY resource_key
