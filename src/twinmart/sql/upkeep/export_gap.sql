-- What the facts of an increment do not tell: spans of a source that nobody recorded.
-- grain   gap
-- reads   ctl.unfilled_gap
-- writes  nothing
-- rule    all that are known, also those of earlier increments, since a gap may be filled later
SELECT gap_key::text, source, site, cause, from_at, CASE WHEN is_open THEN NULL ELSE to_at END
FROM ctl.unfilled_gap
ORDER BY from_at, gap_key
