-- Take the writer's turn at an interaction database, whose tables the names then mean.
-- grain   one row
-- reads   nothing
-- writes  nothing
-- rule    both hold until the transaction ends
SELECT set_config('search_path', %(schema)s, true), pg_advisory_xact_lock(%(lock)s)
