-- Learn reasons of pauses.
-- grain   reason
-- reads   new_event (temporary)
-- writes  mart.resource_state_reason
-- rule    found in any event of a member; Auto-Pause is the switch's own, every other text came with a request
INSERT INTO mart.resource_state_reason (resource_state_reason_key, reason_type, software_reason)
SELECT DISTINCT mart.dimension_key('REASON|' || reason), CASE WHEN reason = 'Auto-Pause' THEN 'SWITCH' ELSE 'SOFTWARE' END, reason
FROM new_event
WHERE kind LIKE 'member\_%%' AND reason IS NOT NULL
ON CONFLICT DO NOTHING
