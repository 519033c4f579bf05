-- Tell the other site that the active one is there, and hear of what epoch it knows.
-- grain   one row
-- reads   cfg.topology
-- writes  ops.contact
-- rule    a site that is about to become active itself has written so in this very row, and the caller is told
INSERT INTO ops.contact AS known (site, contact, at, epoch, witness, beat_at, verified_at)
SELECT
    %(site)s, 1, clock_timestamp(), %(epoch)s, %(witness)s, %(beat_at)s, clock_timestamp() - %(verified_age_s)s * interval '1 second'
WHERE (SELECT max(epoch) FROM cfg.topology) <= %(epoch)s
ON CONFLICT (site) DO UPDATE
SET
    contact = known.contact + 1,
    at = excluded.at,
    epoch = excluded.epoch,
    witness = excluded.witness,
    beat_at = excluded.beat_at,
    verified_at = excluded.verified_at
WHERE known.claimed_epoch IS NULL OR known.claimed_epoch <= excluded.epoch
RETURNING contact
