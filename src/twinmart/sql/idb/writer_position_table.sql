-- Up to where each spool was taken over.
-- grain   spool
-- reads   nothing
-- writes  writer_position
-- rule    moved in the transaction that writes what was taken, so that nothing is lost or written twice
CREATE TABLE IF NOT EXISTS writer_position (
    spool_id uuid PRIMARY KEY, -- Spool
    position bigint NOT NULL -- First byte that was not taken
)
