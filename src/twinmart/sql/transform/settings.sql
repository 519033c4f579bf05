-- Settings of the planner for temporary tables that live for one transaction.
-- grain   one row
-- reads   nothing
-- writes  nothing
-- rule    their statistics need to tell large from small and little more; their plans are not worth compiling or sharing out. Merge
--         joins are shunned, since the planner is fond of merging on the source alone, which pairs everything with everything
SELECT
    set_config('default_statistics_target', '10', true),
    set_config('jit', 'off', true),
    set_config('enable_mergejoin', 'off', true),
    set_config('max_parallel_workers_per_gather', '0', true)
