-- Agents who belonged to groups at any time of a period.
-- grain   agent
-- reads   mart.resource_group_fact_, mart.group_member, mart.group_
-- writes  nothing
-- rule    belonging is half-open; one that lasts has no end
SELECT DISTINCT member.resource_key
FROM (
    SELECT resource_key, group_key, start_at, end_at FROM mart.resource_group_fact_
    UNION ALL
    SELECT resource_key, group_key, start_at, end_at FROM mart.group_member
) AS member
JOIN mart.group_ USING (group_key)
WHERE group_name = ANY (%(groups)s)
  AND member.start_at < %(to_at)s
  AND (member.end_at IS NULL OR member.end_at > %(from_at)s)
