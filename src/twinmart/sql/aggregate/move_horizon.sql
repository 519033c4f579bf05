-- Move the horizon of each source to how far it has been heard.
-- grain   source
-- reads   ctl.extract_watermark, cfg.collector
-- writes  ctl.aggregate_horizon
-- rule    never back
INSERT INTO ctl.aggregate_horizon AS known (source_key, reached_at, moved_at)
SELECT collector.source_key, max(mark.last_event_at), now()
FROM ctl.extract_watermark AS mark
JOIN cfg.collector AS collector USING (collector_key)
WHERE mark.last_event_at IS NOT NULL
GROUP BY collector.source_key
ON CONFLICT (source_key) DO UPDATE SET reached_at = excluded.reached_at, moved_at = excluded.moved_at
WHERE excluded.reached_at > known.reached_at
