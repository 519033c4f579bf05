-- The newest beat of a site that this mart knows.
-- grain   one row
-- reads   ctl.heartbeat
-- writes  nothing
-- rule    its age is by this server's clock, and never negative where that one is behind
SELECT
    site,
    beat,
    beat_at,
    epoch,
    greatest(mart.epoch_ms(clock_timestamp()) - mart.epoch_ms(beat_at), 0)
FROM ctl.heartbeat
WHERE site = %(site)s
