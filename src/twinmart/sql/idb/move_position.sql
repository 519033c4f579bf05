-- Move the position of a spool, provided that nobody else did.
-- grain   spool
-- reads   nothing
-- writes  writer_position
-- rule    no row back means that another writer takes from the same spool
UPDATE writer_position
SET position = %(position)s
WHERE spool_id = %(spool_id)s AND position = %(was)s
RETURNING position
