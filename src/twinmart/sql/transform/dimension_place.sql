-- Numbers outside and points of entry that the working interactions touch.
-- grain   resource
-- reads   leg (temporary), interaction (temporary)
-- writes  mart.resource_
-- rule    found in the events; an agent or a queue is learnt elsewhere
INSERT INTO mart.resource_ AS known (resource_key, tenant_key, resource_type_code, source_key, natural_name, resource_name, first_seen_at)
SELECT leg.resource_key, 1, leg.resource_type, leg.source_key, min(leg.natural_name), min(leg.natural_name), min(leg.start_at)
FROM leg
JOIN interaction ON interaction.source_key = leg.source_key AND interaction.root_id = leg.root_id AND NOT interaction.is_broken
WHERE leg.resource_type IN ('EXTERNAL', 'ROUTINGPOINT')
GROUP BY leg.resource_key, leg.resource_type, leg.source_key
ON CONFLICT (resource_key) DO UPDATE SET first_seen_at = least(known.first_seen_at, excluded.first_seen_at)
WHERE known.first_seen_at > excluded.first_seen_at
