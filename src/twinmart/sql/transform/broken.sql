-- Interactions that break a rule and are kept out of the facts until they are repaired.
-- grain   interaction
-- reads   channel (temporary)
-- writes  nothing
-- rule    one reason each, the first that holds
SELECT source_key, root_id, min(first_at) AS first_at,
    CASE
        WHEN bool_or(end_at < start_at - interval '1 second') THEN 'ends-before-start'
        WHEN max(coalesce(end_at, first_at)) - min(first_at) > interval '31 days' THEN 'too-long'
        ELSE 'too-many-channels'
    END AS code,
    CASE
        WHEN bool_or(end_at < start_at - interval '1 second') THEN
            'channel ' || min(channel_id) FILTER (WHERE end_at < start_at - interval '1 second') || ' ended at '
            || min(end_at) FILTER (WHERE end_at < start_at - interval '1 second') || ' before it started'
        WHEN max(coalesce(end_at, first_at)) - min(first_at) > interval '31 days' THEN
            'from ' || min(first_at) || ' to ' || max(coalesce(end_at, first_at)) || ', more than 31 days'
        ELSE count(*) || ' channels, more than 1000'
    END AS reason
FROM channel
GROUP BY source_key, root_id
HAVING bool_or(end_at < start_at - interval '1 second')
    OR max(coalesce(end_at, first_at)) - min(first_at) > interval '31 days'
    OR count(*) > 1000
