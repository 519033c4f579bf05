-- Say that the mart server is there, and what state it is in.
-- grain   one row: the mart server of this site
-- reads   nothing
-- writes  ops.server
-- rule    there is one row, of whoever serves the mart
INSERT INTO ops.server AS known (kind, name, pid, host, site, state, why, started_at, heartbeat_at, version)
VALUES ('mart', 'mart', %(pid)s, %(host)s, %(site)s, %(state)s, %(why)s, %(started_at)s, clock_timestamp(), %(version)s)
ON CONFLICT (kind, name) DO UPDATE
SET pid = excluded.pid,
    host = excluded.host,
    site = excluded.site,
    state = excluded.state,
    why = excluded.why,
    started_at = excluded.started_at,
    heartbeat_at = excluded.heartbeat_at,
    version = excluded.version
