-- The highest epoch that a site knows, be it only as one in which it is about to become active.
-- grain   one row
-- reads   cfg.topology, ops.contact
-- writes  nothing
-- rule    nothing is lower than an epoch that was promised
SELECT greatest((SELECT max(epoch) FROM cfg.topology), (SELECT max(claimed_epoch) FROM ops.contact))
