-- How the loads of a mart stand.
-- grain   one row
-- reads   ctl.audit_log, ctl.transform_discard, the catalog's partition bounds
-- writes  nothing
-- rule    the table whose partitions end first counts; a bound is a time, or seconds since the epoch
SELECT
    (
        SELECT extract(epoch FROM min(ahead.last_end) - now())
        FROM (
            SELECT max(CASE
                WHEN rule.key_kind = 'epoch' THEN to_timestamp(bound.words[1]::bigint)
                ELSE bound.words[1]::timestamptz
            END) AS last_end
            FROM ops.partition_rule AS rule
            JOIN pg_namespace AS schema ON schema.nspname = rule.schema_name
            JOIN pg_class AS root ON root.relnamespace = schema.oid AND root.relname = rule.table_name
            JOIN pg_inherits AS inherits ON inherits.inhparent = root.oid
            JOIN pg_class AS class ON class.oid = inherits.inhrelid
            CROSS JOIN LATERAL regexp_match(
                pg_get_expr(class.relpartbound, class.oid), 'TO \(''?([^'')]+)''?\)'
            ) AS bound (words)
            WHERE rule.schema_name IN ('gidb', 'ctl', 'mart')
            GROUP BY rule.schema_name, rule.table_name
        ) AS ahead
    ) AS ahead_s,
    (SELECT max(created_at) FROM ctl.audit_log) AS loaded_at,
    (SELECT count(*) FROM ctl.transform_discard) AS discards
