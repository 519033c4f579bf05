-- Which site this mart is a replica of.
-- grain   one row, or none at a mart that is none
-- reads   ops.replica
-- writes  nothing
-- rule    asked only after a write was refused, to say why
SELECT of_site FROM ops.replica
