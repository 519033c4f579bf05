-- Fill a calendar with the intervals of the days given.
-- grain   interval
-- reads   calendar_day (temporary)
-- writes  mart.calendar_date_time
-- rule    a day lasts from its first quarter of an hour on the local clock to that of the next one: 92 or 100 of them where clocks change
INSERT INTO mart.calendar_date_time
SELECT
    %(calendar_key)s,
    epoch.key,
    CASE WHEN extract(minute FROM local.at)::integer %% 30 >= 15 THEN epoch.key - 900 ELSE epoch.key END,
    epoch.key - extract(minute FROM local.at)::integer / 15 * 900,
    extract(epoch FROM day.start_at)::bigint,
    extract(epoch FROM mart.day_start(day.week_start, %(zone)s))::bigint,
    extract(epoch FROM mart.day_start(day.month_start, %(zone)s))::bigint,
    extract(epoch FROM mart.day_start(day.quarter_start, %(zone)s))::bigint,
    extract(epoch FROM mart.day_start(day.year_start, %(zone)s))::bigint,
    extract(epoch FROM day.end_at)::bigint,
    moment,
    to_char(local.at, 'YYYY'),
    to_char(local.at, 'YYYY-MM'),
    to_char(local.at, 'YYYY-MM-DD'),
    to_char(local.at, 'YYYY-MM-DD HH24'),
    to_char(local.at, 'YYYY-MM-DD HH24:MI'),
    day.day_of_week,
    to_char(day.day, 'FMDay'),
    extract(month FROM day.day),
    to_char(day.day, 'FMMonth'),
    extract(quarter FROM day.day),
    extract(hour FROM local.at),
    day.week_year,
    day.week,
    extract(epoch FROM local.at AT TIME ZONE 'UTC')::integer - epoch.key,
    day.fiscal_year,
    day.fiscal_quarter,
    day.fiscal_month,
    day.fiscal_week,
    extract(epoch FROM mart.day_start(day.fiscal_year_start, %(zone)s))::bigint,
    extract(epoch FROM mart.day_start(day.fiscal_quarter_start, %(zone)s))::bigint,
    extract(epoch FROM mart.day_start(day.fiscal_month_start, %(zone)s))::bigint,
    extract(epoch FROM mart.day_start(day.fiscal_week_start, %(zone)s))::bigint
FROM (
    SELECT calendar_day.*, mart.day_start(day, %(zone)s) AS start_at, mart.day_start(day + 1, %(zone)s) AS end_at
    FROM calendar_day
    OFFSET 0
) AS day
CROSS JOIN LATERAL generate_series(day.start_at, day.end_at - interval '1 second', interval '15 minutes') AS moment
CROSS JOIN LATERAL (SELECT moment AT TIME ZONE %(zone)s AS at) AS local
CROSS JOIN LATERAL (SELECT extract(epoch FROM moment)::bigint AS key) AS epoch
ON CONFLICT DO NOTHING
