-- Numbers outside and points of entry that the working interactions touch.
-- grain   resource
-- reads   leg (temporary)
-- writes  mart.resource_
-- rule    found in the events; an agent or a queue is learnt elsewhere
INSERT INTO mart.resource_ AS known (resource_key, tenant_key, resource_type_code, source_key, natural_name, resource_name, first_seen_at)
SELECT resource_key, 1, resource_type, source_key, min(natural_name), min(natural_name), min(start_at)
FROM leg
WHERE resource_type IN ('EXTERNAL', 'ROUTINGPOINT')
GROUP BY resource_key, resource_type, source_key
ON CONFLICT (resource_key) DO UPDATE SET first_seen_at = least(known.first_seen_at, excluded.first_seen_at)
WHERE known.first_seen_at > excluded.first_seen_at
