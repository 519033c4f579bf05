-- Make the groups known that people configured with members.
-- grain   group
-- reads   cfg.group_span
-- writes  mart.group_
-- rule    a group's key is that of its configuration object; it stays when nobody belongs to it any longer, since figures name it
INSERT INTO mart.group_ (group_key, tenant_key, group_type_code, source_key, group_name)
SELECT DISTINCT object_key, 1, CASE kind WHEN 'agent_group' THEN 'AGENT' ELSE 'QUEUE' END, -2, group_name
FROM cfg.group_span
ON CONFLICT DO NOTHING
