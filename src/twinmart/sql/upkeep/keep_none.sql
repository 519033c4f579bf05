-- Nothing of a span to be purged.
-- grain   row
-- reads   {root}
-- writes  nothing
-- rule    what began before the cut-off goes
SELECT * FROM {root} WHERE false
