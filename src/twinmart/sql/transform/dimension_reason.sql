-- Reasons of pauses among the working agents.
-- grain   reason
-- reads   member_span (temporary)
-- writes  mart.resource_state_reason
-- rule    Auto-Pause is the switch's own; every other text came with a request
INSERT INTO mart.resource_state_reason (resource_state_reason_key, reason_type, software_reason)
SELECT DISTINCT mart.dimension_key('REASON|' || reason), CASE WHEN reason = 'Auto-Pause' THEN 'SWITCH' ELSE 'SOFTWARE' END, reason
FROM member_span
WHERE reason IS NOT NULL
ON CONFLICT DO NOTHING
