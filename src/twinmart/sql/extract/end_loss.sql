-- What goes on being gone ends where a collector of a surviving site hears the source again.
-- grain   span of a source
-- reads   ctl.gap, cfg.collector
-- writes  ctl.loss, ctl.gap
-- rule    the collector's own silence has begun before the span and has ended; the gap of the span ends with it
WITH ended AS (
    UPDATE ctl.loss AS known
    SET to_at = silence.to_at
    FROM ctl.gap AS silence
    JOIN cfg.collector AS collector ON collector.collector_key = silence.collector_key
    WHERE known.class = 'gone'
      AND known.closed_at IS NULL
      AND known.to_at IS NULL
      AND silence.source_key = known.source_key
      AND collector.site <> known.lost_site
      AND silence.from_at <= known.from_at
      AND silence.to_at > known.from_at
    RETURNING known.source_key, known.run, known.from_at, known.to_at
)
UPDATE ctl.gap AS gap
SET to_at = ended.to_at
FROM ended
WHERE gap.gap_key = mart.fact_key(mart.epoch_ms(ended.from_at), concat_ws('|', 'GAP', ended.run, ended.source_key::text))
