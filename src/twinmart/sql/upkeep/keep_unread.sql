-- Events of an interaction database in a span to be purged that were not extracted yet.
-- grain   event
-- reads   {root}: event of an interaction database
-- writes  nothing
-- rule    the mark is the lowest of all marts that were asked
SELECT * FROM {root} WHERE at < {before} AND seq > {mark}
