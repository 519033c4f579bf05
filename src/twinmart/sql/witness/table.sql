-- The leases that a witness keeps, one for each pair of sites.
-- grain   pair of sites, by name
-- reads   nothing
-- writes  twinmart_witness
-- rule    the only table in the witness's database; all times are by its clock
CREATE TABLE IF NOT EXISTS twinmart_witness (
    name text PRIMARY KEY, -- Name of the pair
    witness uuid NOT NULL DEFAULT gen_random_uuid(), -- Identity, by which two witnesses are told apart
    holder integer NOT NULL, -- Site that holds the lease
    epoch bigint NOT NULL, -- Epoch in which it is active
    beat bigint NOT NULL, -- Number of the change, rising by one
    grace_ms bigint NOT NULL, -- How long the lease is held after a renewal
    fences boolean NOT NULL, -- Whether the holder has promised to fence itself
    held_until timestamptz NOT NULL, -- End of the lease
    blocked_until timestamptz -- End of the anti-flap block; NULL: none
)
