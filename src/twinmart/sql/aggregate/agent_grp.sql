-- Rows of AGENT_GRP: those of AGENT, once for each group that the agent belonged to at the offer.
-- grain   attempt of an agent, group
-- reads   part (the rows of aggregate/agent), member (temporary)
-- writes  nothing
-- rule    groups are those of the queues that an agent serves, and those that people configured. An agent of two
--         groups counts in both, so groups add up to more than their agents; one of no group counts in -2
SELECT part.*, coalesce(belonging.group_key, -2) AS group_key
FROM part
LEFT JOIN (
    SELECT DISTINCT resource_key, group_key, start_at, end_at
    FROM member
    WHERE tenant_key = %(tenant_key)s
      AND start_date_time_key < %(to_key)s
      AND start_at < to_timestamp(%(to_key)s)
      AND (end_at IS NULL OR end_at > to_timestamp(%(from_key)s))
) AS belonging
    ON belonging.resource_key = part.resource_key
    AND belonging.start_at <= part.member_at
    AND (belonging.end_at IS NULL OR belonging.end_at > part.member_at)
