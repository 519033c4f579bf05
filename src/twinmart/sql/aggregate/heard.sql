-- Say whether any source was heard further than the horizon.
-- grain   mart
-- reads   ctl.extract_watermark, cfg.collector, ctl.aggregate_horizon
-- writes  nothing
-- rule    if none was, no state has grown, and nobody looks for those that go on
SELECT EXISTS (
    SELECT
    FROM ctl.extract_watermark AS mark
    JOIN cfg.collector AS collector USING (collector_key)
    LEFT JOIN ctl.aggregate_horizon AS known USING (source_key)
    WHERE mark.last_event_at > coalesce(known.reached_at, '-infinity')
)
