-- Keys and measures of sets.
-- grain   set
-- reads   pg_attribute, pg_index
-- writes  nothing
-- rule    what is not in the primary key is a measure; in the order of the table
SELECT
    wanted.set_name,
    array_agg(attname::text ORDER BY attnum) FILTER (WHERE attnum = ANY (indkey)) AS keys,
    array_agg(attname::text ORDER BY attnum) FILTER (WHERE attnum <> ALL (indkey)) AS measures
FROM unnest(%(sets)s::text[]) AS wanted (set_name)
JOIN pg_attribute ON attrelid = format('agg.%%I', wanted.set_name || '_subhr')::regclass
JOIN pg_index ON indrelid = attrelid AND indisprimary
WHERE attnum > 0 AND NOT attisdropped
GROUP BY wanted.set_name
