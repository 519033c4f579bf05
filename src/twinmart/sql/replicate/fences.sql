-- What stands of the fences of this mart.
-- grain   one row
-- reads   ops.replica, ops.replicated_table
-- writes  nothing
-- rule    a table without its trigger is bare, a partition too; the owner's own privileges count, not those of a superuser
SELECT
    (SELECT of_site FROM ops.replica),
    EXISTS (
        SELECT
        FROM pg_db_role_setting
        WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
          AND setrole = 0
          AND 'default_transaction_read_only=on' = ANY (setconfig)
    ),
    coalesce(array_agg(schema_name || '.' || table_name ORDER BY schema_name, table_name) FILTER (WHERE NOT is_fenced), '{}'),
    coalesce(bool_or(has_table_privilege(relowner, table_oid, 'INSERT, UPDATE, DELETE, TRUNCATE')), false),
    NOT coalesce(bool_or(has_table_privilege((SELECT oid FROM pg_roles WHERE rolname = %(replicator)s), table_oid, 'INSERT')), false)
FROM ops.replicated_table
JOIN pg_class ON oid = table_oid
