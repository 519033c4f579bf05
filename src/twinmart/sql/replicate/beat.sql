-- The next beat of a site.
-- grain   one row a site
-- reads   cfg.topology
-- writes  ctl.heartbeat
-- rule    numbers rise by one, so a beat that has crossed proves that all before it has
INSERT INTO ctl.heartbeat AS known (site, beat, beat_at, epoch, lsn)
SELECT %(site)s, 1, clock_timestamp(), epoch, pg_current_wal_insert_lsn() FROM cfg.topology
ON CONFLICT (site) DO UPDATE
SET beat = known.beat + 1, beat_at = excluded.beat_at, epoch = excluded.epoch, lsn = excluded.lsn
RETURNING beat
