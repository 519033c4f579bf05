-- Move the end of this site's leave to load.
-- grain   one row
-- reads   nothing
-- writes  ops.lease
-- rule    a reason is written while loads are refused
INSERT INTO ops.lease AS known (epoch, held_until, reason)
VALUES (%(epoch)s, %(until)s, %(reason)s)
ON CONFLICT (only_row) DO UPDATE
SET epoch = excluded.epoch, held_until = excluded.held_until, reason = excluded.reason
