-- How much was written to each span of a partitioned table since the server counts.
-- grain   partition
-- reads   pg_stat_all_tables, the catalog
-- writes  nothing
-- rule    a server that was killed begins to count anew, which looks like a change, and is taken for one; a TRUNCATE is
--         counted nowhere, but gives the partition another file, so the file's number is part of the figure
SELECT
    pg_get_expr(part.relpartbound, part.oid) AS bound,
    pg_stat_get_tuples_inserted(part.oid) + pg_stat_get_tuples_updated(part.oid) + pg_stat_get_tuples_deleted(part.oid)
        + (hashint8extended(part.relfilenode::bigint, 0) & 1099511627775) AS writes
FROM pg_inherits AS link
JOIN pg_class AS part ON part.oid = link.inhrelid
WHERE link.inhparent = to_regclass(%(table)s)
