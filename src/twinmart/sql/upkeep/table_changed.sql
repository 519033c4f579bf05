-- Tables of the mart of which enough has changed since they were analysed last, and the parents of such partitions.
-- grain   table or partition
-- reads   pg_stat_user_tables, pg_inherits
-- writes  nothing
-- rule    a table that was never analysed counts with its rows; a parent follows its partitions
WITH changed AS (
    SELECT relid, schemaname, relname
    FROM pg_stat_user_tables
    WHERE (schemaname IN ('cfg', 'gidb', 'ctl', 'mart', 'agg') OR starts_with(schemaname, 'idb_'))
      AND n_mod_since_analyze >= %(least_rows)s
      AND n_mod_since_analyze >= %(least_share)s * n_live_tup
),
parent AS (
    SELECT DISTINCT root.oid, place.nspname, root.relname
    FROM changed
    JOIN pg_inherits AS link ON link.inhrelid = changed.relid
    JOIN pg_class AS root ON root.oid = link.inhparent
    JOIN pg_namespace AS place ON place.oid = root.relnamespace
)
SELECT schemaname, relname FROM changed WHERE relid NOT IN (SELECT oid FROM parent)
UNION ALL
SELECT nspname, relname FROM parent
