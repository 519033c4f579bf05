-- Forget under which key interactions stand that nobody will compute again.
-- grain   interaction
-- reads   gidb.interaction
-- writes  gidb.interaction
-- rule    as with their links
DELETE FROM gidb.interaction WHERE start_date_time_key < mart.date_time_key(%(before_at)s)
