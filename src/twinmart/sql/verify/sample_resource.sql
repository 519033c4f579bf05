-- Mark agents to be computed anew from a moment on: those of a slice, by the hash of their keys.
-- grain   agent
-- reads   mart.sm_res_session_fact
-- writes  gidb.touched_resource
-- rule    one who has news waiting is left to the loader; the mark is a batch that no extraction has
INSERT INTO gidb.touched_resource (resource_key, from_at, batch)
SELECT DISTINCT session.resource_key, %(from_at)s::timestamptz, -1
FROM mart.sm_res_session_fact AS session
WHERE mod(hashint8extended(session.resource_key, %(seed)s) & 9223372036854775807, %(slices)s) = %(slice)s
ON CONFLICT (resource_key) DO NOTHING
