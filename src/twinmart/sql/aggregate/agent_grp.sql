-- Rows of AGENT_GRP: those of AGENT, once for each group that the agent belonged to at the offer.
-- grain   attempt of an agent, group
-- reads   part (the rows of aggregate/agent), mart.resource_group_fact_, mart.group_member
-- writes  nothing
-- rule    groups are those of the queues that an agent serves, and those that people configured. An agent of two
--         groups counts in both, so groups add up to more than their agents; one of no group counts in -2
SELECT part.*, coalesce(member.group_key, -2) AS group_key
FROM part
LEFT JOIN (
    SELECT resource_key, group_key, start_at, end_at
    FROM mart.resource_group_fact_
    WHERE tenant_key = %(tenant_key)s AND start_date_time_key < %(to_key)s
      AND (end_at IS NULL OR end_at > to_timestamp(%(from_key)s))
    UNION
    SELECT resource_key, group_key, start_at, end_at
    FROM mart.group_member
    WHERE tenant_key = %(tenant_key)s AND start_at < to_timestamp(%(to_key)s)
      AND (end_at IS NULL OR end_at > to_timestamp(%(from_key)s))
) AS member
    ON member.resource_key = part.resource_key
    AND member.start_at <= part.start_at
    AND (member.end_at IS NULL OR member.end_at > part.start_at)
