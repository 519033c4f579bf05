-- The loss manifest.
-- grain   span of a source
-- reads   ctl.loss, cfg.source
-- writes  nothing
-- rule    of one run, or of all
SELECT
    source.name, lost_site, class, from_at, to_at, events, calls, agents, minutes, cause, closed_at, run
FROM ctl.loss
LEFT JOIN cfg.source AS source USING (source_key)
WHERE %(run)s::text IS NULL OR run = %(run)s
ORDER BY noted_at, source.name, from_at NULLS FIRST, to_at
