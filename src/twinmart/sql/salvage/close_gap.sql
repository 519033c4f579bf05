-- Gaps of a lost site whose loss is closed are filled.
-- grain   gap
-- reads   ctl.loss
-- writes  ctl.gap
-- rule    a loss and its gap begin alike
UPDATE ctl.gap AS known
SET filled = true, to_at = loss.to_at
FROM ctl.loss AS loss
WHERE loss.lost_site = %(lost)s
  AND loss.closed_at IS NOT NULL
  AND loss.source_key = known.source_key
  AND known.collector_key IS NULL
  AND known.from_at = coalesce(loss.from_at, '1970-01-01')
  AND starts_with(known.cause, 'site lost: ')
  AND NOT known.filled
