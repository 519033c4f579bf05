-- Combinations of groups that agents of configured groups were in.
-- grain   combination, group
-- reads   mart.group_member, mart.resource_, mart.agent_membership
-- writes  mart.resource_group_combination
-- rule    which groups an agent is in changes only where a membership begins or ends. A combination that no agent was in after all does
--         no harm, and stays
WITH combination AS (
    SELECT DISTINCT array_agg(DISTINCT membership.group_key ORDER BY membership.group_key) AS groups
    FROM (
        SELECT DISTINCT edge.resource_key, moment.at
        FROM mart.agent_membership AS edge
        JOIN mart.resource_ AS agent ON agent.resource_key = edge.resource_key AND agent.resource_type_code = 'AGENT'
        CROSS JOIN LATERAL (VALUES (edge.start_at), (edge.end_at)) AS moment (at)
        WHERE moment.at IS NOT NULL AND edge.resource_key IN (SELECT resource_key FROM mart.group_member)
    ) AS changed
    JOIN mart.agent_membership AS membership
        ON membership.resource_key = changed.resource_key
        AND membership.start_at <= changed.at
        AND (membership.end_at IS NULL OR membership.end_at > changed.at)
    GROUP BY changed.resource_key, changed.at
)
INSERT INTO mart.resource_group_combination (group_combination_key, group_key, tenant_key)
SELECT mart.group_combination_key(groups), group_key, 1
FROM combination
CROSS JOIN unnest(groups) AS member (group_key)
ON CONFLICT DO NOTHING
