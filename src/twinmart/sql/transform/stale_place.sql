-- Remember places that the working interactions made known, as they stand in the facts so far.
-- grain   resource
-- reads   stale_interaction (temporary), mart.interaction_resource_fact, mart.resource_
-- writes  stale_place (temporary)
-- rule    only the earliest part of a place decides whether and since when it is known
INSERT INTO stale_place
SELECT DISTINCT fact.resource_key
FROM stale_interaction AS stale
JOIN mart.interaction_resource_fact AS fact
    ON fact.interaction_id = stale.interaction_id
    AND fact.start_date_time_key BETWEEN %(from_key)s AND %(to_key)s
JOIN mart.resource_ AS known
    ON known.resource_key = fact.resource_key
    AND known.resource_type_code IN ('EXTERNAL', 'ROUTINGPOINT')
    AND known.first_seen_at >= fact.start_at
