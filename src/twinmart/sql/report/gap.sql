-- Gaps that touch a period and the sources asked for.
-- grain   gap
-- reads   ctl.unfilled_gap, mart.report_resource
-- writes  nothing
-- rule    a queue or an agent concerns its source; a gap of another source touches no row of theirs
SELECT
    gap.gap_key::text AS gap_key,
    gap.source,
    gap.site,
    gap.cause,
    gap.from_at,
    gap.to_at,
    gap.is_open
FROM ctl.unfilled_gap AS gap
WHERE gap.from_at < %(to_at)s
  AND gap.to_at > %(from_at)s
  AND (%(source)s::text[] IS NULL OR gap.source = ANY (%(source)s))
  AND (%(site)s::int[] IS NULL OR gap.site = ANY (%(site)s))
  AND (%(resource)s::text[] IS NULL OR gap.source_key IN (
      SELECT source_key FROM mart.report_resource
      WHERE name = ANY (%(resource)s) OR natural_name = ANY (%(resource)s)
  ))
ORDER BY gap.from_at, gap.gap_key
