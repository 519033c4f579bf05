-- Combinations of groups that the working agents were in.
-- grain   combination, group
-- reads   new_resource_group_fact_ (temporary), mart.agent_membership
-- writes  mart.resource_group_combination
-- rule    which groups an agent is in changes only where a membership begins or ends. A combination that no agent was in after all does
--         no harm, and stays
WITH moment AS (
    SELECT DISTINCT resource_key, at
    FROM new_resource_group_fact_
    CROSS JOIN LATERAL (VALUES (start_at), (end_at)) AS edge (at)
    WHERE at IS NOT NULL
),
combination AS (
    SELECT DISTINCT array_agg(DISTINCT membership.group_key ORDER BY membership.group_key) AS groups
    FROM moment
    JOIN mart.agent_membership AS membership
        ON membership.resource_key = moment.resource_key
        AND membership.start_at <= moment.at
        AND (membership.end_at IS NULL OR membership.end_at > moment.at)
    GROUP BY moment.resource_key, moment.at
)
INSERT INTO mart.resource_group_combination (group_combination_key, group_key, tenant_key)
SELECT mart.group_combination_key(groups), group_key, 1
FROM combination
CROSS JOIN unnest(groups) AS member (group_key)
ON CONFLICT DO NOTHING
