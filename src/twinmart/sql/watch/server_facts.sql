-- What the doctor wants to know about a server and the role that we log in with.
-- grain   one row
-- reads   the server's settings and catalog
-- writes  nothing
-- rule    what is not set, or not known to this version, is NULL
SELECT
    current_setting('server_version_num')::integer AS version,
    current_setting('wal_level') AS wal_level,
    current_setting('track_commit_timestamp')::boolean AS commit_timestamps,
    current_setting('data_checksums')::boolean AS checksums,
    current_setting('fsync')::boolean AS fsync,
    current_setting('full_page_writes')::boolean AS full_page_writes,
    current_setting('autovacuum')::boolean AS autovacuum,
    current_setting('max_replication_slots')::integer AS slots,
    current_setting('max_wal_senders')::integer AS senders,
    current_setting('max_locks_per_transaction')::integer AS locks,
    (SELECT setting::bigint FROM pg_settings WHERE name = 'max_slot_wal_keep_size') AS slot_keep_mb,
    clock_timestamp() AS clock_at,
    role.rolreplication OR role.rolsuper AS may_replicate,
    has_database_privilege(current_database(), 'CREATE') AS may_create,
    EXISTS (SELECT FROM pg_roles WHERE rolname = %(reader)s) AS has_reader
FROM pg_roles AS role
WHERE role.rolname = current_user
