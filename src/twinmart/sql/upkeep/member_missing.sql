-- Special members that a dimension lacks: -1 unknown, -2 no value.
-- grain   dimension, key
-- reads   mart.tenant, mart.media_type, mart.interaction_type, mart.technical_descriptor, mart.resource_state,
--         mart.interaction_resource_state, mart.resource_state_reason, mart.resource_, mart.group_
-- writes  nothing
-- rule    every dimension has both, so that a fact with any key joins
SELECT member.dimension, wanted.key
FROM (
    VALUES (-1::bigint), (-2)
) AS wanted (key)
CROSS JOIN (
    SELECT 'tenant' AS dimension, array_agg(tenant_key::bigint) AS keys FROM mart.tenant WHERE tenant_key < 0
    UNION ALL
    SELECT 'media_type', array_agg(media_type_key::bigint) FROM mart.media_type WHERE media_type_key < 0
    UNION ALL
    SELECT 'interaction_type', array_agg(interaction_type_key::bigint) FROM mart.interaction_type WHERE interaction_type_key < 0
    UNION ALL
    SELECT 'technical_descriptor', array_agg(technical_descriptor_key::bigint)
    FROM mart.technical_descriptor WHERE technical_descriptor_key < 0
    UNION ALL
    SELECT 'resource_state', array_agg(resource_state_key::bigint) FROM mart.resource_state WHERE resource_state_key < 0
    UNION ALL
    SELECT 'interaction_resource_state', array_agg(interaction_resource_state_key::bigint)
    FROM mart.interaction_resource_state WHERE interaction_resource_state_key < 0
    UNION ALL
    SELECT 'resource_state_reason', array_agg(resource_state_reason_key)
    FROM mart.resource_state_reason WHERE resource_state_reason_key < 0
    UNION ALL
    SELECT 'resource_', array_agg(resource_key) FROM mart.resource_ WHERE resource_key < 0
    UNION ALL
    SELECT 'group_', array_agg(group_key) FROM mart.group_ WHERE group_key < 0
) AS member
WHERE NOT wanted.key = ANY (coalesce(member.keys, '{}'))
ORDER BY member.dimension, wanted.key
