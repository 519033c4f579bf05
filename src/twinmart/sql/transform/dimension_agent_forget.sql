-- Remove agents that turned out to be another agent's second name.
-- grain   agent
-- reads   working_resource (temporary), gidb.alias
-- writes  mart.resource_, mart.resource_history
-- rule    an agent without a name is none; a member of whom nothing else is known stands among the numbers outside
WITH gone AS (
    SELECT resource_key
    FROM working_resource
    WHERE NOT EXISTS (SELECT FROM gidb.alias WHERE alias.resource_key = working_resource.resource_key)
),
history AS (
    DELETE FROM mart.resource_history USING gone WHERE resource_history.resource_key = gone.resource_key
)
DELETE FROM mart.resource_ USING gone
WHERE resource_.resource_key = gone.resource_key AND resource_.resource_type_code = 'AGENT'
