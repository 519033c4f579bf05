-- What is missing in a period. Table.
SELECT
    gap.from_at AS "From",
    gap.to_at AS "To",
    gap.is_open AS "Goes on",
    gap.source AS "Source",
    gap.site AS "Site",
    gap.cause AS "Cause",
    gap.gap_key::text AS "Gap"
FROM ctl.unfilled_gap AS gap
WHERE gap.from_ms < extract(epoch FROM {{to}}::timestamptz)::bigint * 1000::bigint
  AND gap.to_ms > extract(epoch FROM {{from}}::timestamptz)::bigint * 1000::bigint
ORDER BY gap.from_at
