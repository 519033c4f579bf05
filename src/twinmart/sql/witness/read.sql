-- The lease.
-- grain   one row, or none where there never was a lease
-- reads   twinmart_witness
-- writes  nothing
-- rule    whether it is held is told by this server's clock
SELECT
    witness::text,
    holder,
    epoch,
    beat,
    grace_ms / 1000.0::double precision,
    fences,
    held_until > clock_timestamp(),
    coalesce(greatest(extract(epoch FROM blocked_until - clock_timestamp()), 0), 0)::double precision
FROM twinmart_witness
WHERE name = %(name)s
