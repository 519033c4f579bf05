-- Take a lease that has ended, in the next epoch of the site that takes it.
-- grain   one row, or none where it is refused
-- reads   nothing
-- writes  twinmart_witness
-- rule    only what was seen is taken: a renewal since then has another beat; the block begins with it
UPDATE twinmart_witness
SET
    holder = %(site)s,
    epoch = %(epoch)s,
    beat = beat + 1,
    held_until = clock_timestamp() + grace_ms * interval '1 millisecond',
    blocked_until = clock_timestamp() + %(block_ms)s * interval '1 millisecond'
WHERE
    name = %(name)s
    AND witness = %(witness)s::uuid
    AND beat = %(beat)s
    AND held_until <= clock_timestamp()
    AND coalesce(blocked_until <= clock_timestamp(), true)
RETURNING beat
