-- One span of a source and what became of it, with what the mart has of it.
-- grain   span of a source
-- reads   gidb.event, cfg.source
-- writes  ctl.loss
-- rule    half-open; a span that goes on is counted until now
WITH counted AS (
    SELECT
        count(*) AS events,
        count(DISTINCT linked_id) AS calls,
        count(DISTINCT member) AS agents,
        count(DISTINCT date_trunc('minute', at, 'UTC')) AS minutes
    FROM gidb.event
    WHERE source_key = %(source_key)s
      AND at > coalesce(%(from_at)s::timestamptz, '-infinity')
      AND at <= coalesce(%(to_at)s::timestamptz, now())
), written AS (
    INSERT INTO ctl.loss (loss_key, run, lost_site, source_key, class, from_at, to_at, events, calls, agents, minutes, cause)
    SELECT
        mart.fact_key(
            coalesce(mart.epoch_ms(%(from_at)s::timestamptz), 0), concat_ws('|', 'LOSS', %(run)s::text, %(source_key)s::text, %(class)s::text)
        ),
        %(run)s, %(lost)s, %(source_key)s, %(class)s, %(from_at)s, %(to_at)s, events, calls, agents, minutes, %(cause)s
    FROM counted
    ON CONFLICT (loss_key) DO UPDATE
    SET to_at = excluded.to_at, events = excluded.events, calls = excluded.calls, agents = excluded.agents, minutes = excluded.minutes
)
SELECT source.name, counted.events, counted.calls
FROM counted
JOIN cfg.source AS source ON source.source_key = %(source_key)s
