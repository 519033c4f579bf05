-- Rows of a span to be purged that reach beyond the cut-off.
-- grain   row of a fact that has a begin and an end
-- reads   {root}
-- writes  nothing
-- rule    an agent's session, state or pause that lasts longer is kept whole; what its end becomes later cannot lie before the cut-off,
--         so both sites keep the same rows, whenever each of them purges
SELECT * FROM {root} WHERE start_date_time_key < {before} AND coalesce(end_at, 'infinity') >= to_timestamp({cut_off})
