-- Up to where a spool was taken over; one that is new begins where its oldest record does.
-- grain   spool
-- reads   writer_position
-- writes  writer_position
-- rule    the answer is what is committed, whatever the spool itself remembers
INSERT INTO writer_position AS known (spool_id, position)
VALUES (%(spool_id)s, %(oldest)s)
ON CONFLICT (spool_id) DO UPDATE SET position = known.position
RETURNING position
