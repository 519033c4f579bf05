-- Which groups each agent belongs to, and when.
-- grain   agent, group, span of time
-- reads   mart.resource_group_fact_, mart.group_member
-- writes  nothing
-- rule    groups are those of the queues that an agent serves, and those that people configured; the interval only tells partitions
SELECT tenant_key, start_date_time_key, resource_key, group_key, start_at, end_at
FROM mart.resource_group_fact_
UNION ALL
SELECT tenant_key, 0, resource_key, group_key, start_at, end_at
FROM mart.group_member
