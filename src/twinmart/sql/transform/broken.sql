-- Interactions that break a rule and are kept out of the facts until they are repaired.
-- grain   interaction
-- reads   channel (temporary), joined (temporary), gidb.across_link, cfg.option
-- writes  nothing
-- rule    one reason each, the first that holds. A call that links to another switch of which nothing is known breaks a rule only where
--         the policy for dangling links says so
SELECT DISTINCT ON (source_key, root_id) source_key, root_id, first_at, code, reason
FROM (
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
    UNION ALL
    SELECT channel.source_key, channel.root_id, min(channel.first_at), 'dangling-link',
        'no other switch told of a call that carries ' || min(link.value)
    FROM channel
    JOIN gidb.across_link AS link USING (source_key, channel_id)
    WHERE cfg.mart_option('error-policy', 'error-policy-islink-dangling', 'resume') = 'exception'
      AND NOT EXISTS (
          SELECT FROM joined
          WHERE joined.source_key = channel.source_key AND joined.root_id = channel.root_id AND joined.is_across
      )
    GROUP BY channel.source_key, channel.root_id
) AS found
ORDER BY source_key, root_id, code = 'dangling-link'
