-- What a mart knows of itself: who is active by its word, whether it follows a site, up to when it has facts.
-- grain   one row
-- reads   cfg.topology, ops.replica, ctl.extract_watermark
-- writes  nothing
-- rule    the newest event that was extracted is replicated with the facts made of it, so it holds at a standby too
SELECT
    topology.active_site,
    topology.epoch,
    (SELECT of_site FROM ops.replica) AS follows,
    (SELECT max(last_event_at) FROM ctl.extract_watermark) AS data_to
FROM cfg.topology AS topology
