-- Note that a source is delayed or stuck, or was heard again; answers with what is new.
-- grain   delay
-- reads   cfg.source, cfg.collector, ctl.extract_watermark
-- writes  ctl.delay
-- rule    a source that is read from recordings, without an address, is expected to tell nothing; one whose databases cannot be asked was
--         heard with its latest event
WITH heard AS (
    SELECT
        source.source_key,
        source.name,
        coalesce(%(heard_at)s::timestamptz, max(mark.last_event_at), source.created_at) AS at
    FROM cfg.source AS source
    LEFT JOIN cfg.collector AS collector USING (source_key)
    LEFT JOIN ctl.extract_watermark AS mark USING (collector_key)
    WHERE source.source_key = %(source_key)s AND source.enabled AND source.host IS NOT NULL
    GROUP BY source.source_key, source.name, source.created_at
),
over AS (
    UPDATE ctl.delay AS known
    SET ended_at = heard.at
    FROM heard
    WHERE known.source_key = heard.source_key AND known.ended_at IS NULL AND heard.at > known.heard_at + interval '1 second'
    RETURNING known.state, heard.name, heard.at, extract(epoch FROM heard.at - known.heard_at) AS delay_s
),
late AS (
    SELECT *, CASE WHEN at < now() - make_interval(secs => %(stuck_s)s) THEN 'stuck' ELSE 'delayed' END AS state
    FROM heard
    WHERE at < now() - make_interval(secs => %(delayed_s)s)
),
noted AS (
    INSERT INTO ctl.delay AS known (delay_key, source_key, heard_at, state, idb_tables, threshold_s, stuck_at)
    SELECT
        mart.fact_key(mart.epoch_ms(at), 'DELAY|' || source_key), source_key, at, state, %(tables)s::text[], %(delayed_s)s,
        CASE WHEN state = 'stuck' THEN now() END
    FROM late
    ON CONFLICT (delay_key) DO UPDATE SET state = 'stuck', stuck_at = now()
    WHERE known.state = 'delayed' AND excluded.state = 'stuck'
    RETURNING known.state, known.heard_at
)
SELECT state, name, at, delay_s, true AS is_over FROM over
UNION ALL
SELECT noted.state, late.name, noted.heard_at, extract(epoch FROM now() - noted.heard_at), false FROM noted JOIN late ON true
