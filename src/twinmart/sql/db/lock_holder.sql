-- Who holds an advisory lock of this database.
-- grain   one row: the server process that holds the lock, or none
-- reads   pg_locks, pg_stat_activity, pg_database
-- writes  nothing
-- rule    a 64-bit key is kept in two halves; objsubid = 1 marks such a key
SELECT
    activity.pid,
    activity.application_name,
    activity.backend_start
FROM pg_locks AS held
JOIN pg_stat_activity AS activity USING (pid)
JOIN pg_database AS here ON here.oid = held.database AND here.datname = current_database()
WHERE held.locktype = 'advisory'
  AND held.granted
  AND held.objsubid = 1
  AND (held.classid::bigint << 32) | held.objid::bigint = %(key)s
