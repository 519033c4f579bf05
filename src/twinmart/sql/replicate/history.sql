-- What the looks of the last day found.
-- grain   one row a state, the newest first
-- reads   ops.lag_history
-- writes  nothing
-- rule    thinning keeps the worst of a span, so the longest lag is exact and the number of looks is not
SELECT state, count(*), max(at), max(lag_ms)
FROM ops.lag_history
WHERE at > now() - interval '1 day'
GROUP BY state
ORDER BY max(at) DESC
