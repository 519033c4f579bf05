-- Correct since when places are known, and remove those that no interaction names any more.
-- grain   resource
-- reads   stale_place (temporary), mart.interaction_resource_fact
-- writes  mart.resource_
-- rule    after the facts are loaded: a place is what they say, not what they once said
WITH remaining AS (
    SELECT stale.resource_key, min(fact.start_at) AS first_at
    FROM stale_place AS stale
    LEFT JOIN mart.interaction_resource_fact AS fact USING (resource_key)
    GROUP BY stale.resource_key
),
gone AS (
    DELETE FROM mart.resource_ AS known
    USING remaining
    WHERE known.resource_key = remaining.resource_key AND remaining.first_at IS NULL
)
UPDATE mart.resource_ AS known
SET first_seen_at = remaining.first_at
FROM remaining
WHERE known.resource_key = remaining.resource_key AND known.first_seen_at <> remaining.first_at
