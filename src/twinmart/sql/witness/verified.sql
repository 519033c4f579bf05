-- How old the last verification is that found both sites alike, and this site's newest beat.
-- grain   one row
-- reads   ops.verify_run, ctl.heartbeat
-- writes  nothing
-- rule    one that compared no standby does not count
SELECT
    (
        SELECT extract(epoch FROM clock_timestamp() - max(ended_at))::double precision
        FROM ops.verify_run
        WHERE verdict = 'right' AND standby_site IS NOT NULL
    ),
    (SELECT beat_at FROM ctl.heartbeat WHERE site = %(site)s)
