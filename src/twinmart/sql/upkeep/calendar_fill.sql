-- Fill a calendar with the intervals of the days given.
-- grain   interval
-- reads   calendar_day (temporary)
-- writes  mart.calendar_date_time
-- rule    a day lasts from its first quarter of an hour on the local clock to that of the next one: 92 or 100 of them where clocks change;
--         an hour, or half of one, that clocks jump into or out of has only the quarters on its side of the jump
INSERT INTO mart.calendar_date_time
SELECT
    %(calendar_key)s,
    epoch.key,
    greatest(epoch.key - extract(minute FROM local.at)::integer %% 30 / 15 * 900, min(epoch.key) OVER same_clock),
    greatest(epoch.key - extract(minute FROM local.at)::integer / 15 * 900, min(epoch.key) OVER same_clock),
    extract(epoch FROM day.start_at)::bigint,
    extract(epoch FROM day.week_start_at)::bigint,
    extract(epoch FROM day.month_start_at)::bigint,
    extract(epoch FROM day.quarter_start_at)::bigint,
    extract(epoch FROM day.year_start_at)::bigint,
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
    epoch.utc_offset_s,
    day.fiscal_year,
    day.fiscal_quarter,
    day.fiscal_month,
    day.fiscal_week,
    extract(epoch FROM day.fiscal_year_start_at)::bigint,
    extract(epoch FROM day.fiscal_quarter_start_at)::bigint,
    extract(epoch FROM day.fiscal_month_start_at)::bigint,
    extract(epoch FROM day.fiscal_week_start_at)::bigint
FROM (
    SELECT
        calendar_day.*,
        mart.day_start(day, %(zone)s) AS start_at,
        mart.day_start(day + 1, %(zone)s) AS end_at,
        mart.day_start(week_start, %(zone)s) AS week_start_at,
        mart.day_start(month_start, %(zone)s) AS month_start_at,
        mart.day_start(quarter_start, %(zone)s) AS quarter_start_at,
        mart.day_start(year_start, %(zone)s) AS year_start_at,
        mart.day_start(fiscal_year_start, %(zone)s) AS fiscal_year_start_at,
        mart.day_start(fiscal_quarter_start, %(zone)s) AS fiscal_quarter_start_at,
        mart.day_start(fiscal_month_start, %(zone)s) AS fiscal_month_start_at,
        mart.day_start(fiscal_week_start, %(zone)s) AS fiscal_week_start_at
    FROM calendar_day
    -- Once a day, not once an interval: each start costs a hundred looks at the zone.
    OFFSET 0
) AS day
CROSS JOIN LATERAL generate_series(day.start_at, day.end_at - interval '1 second', interval '15 minutes') AS moment
CROSS JOIN LATERAL (SELECT moment AT TIME ZONE %(zone)s AS at) AS local
CROSS JOIN LATERAL (
    SELECT extract(epoch FROM moment)::bigint AS key, extract(epoch FROM local.at AT TIME ZONE 'UTC' - moment)::integer AS utc_offset_s
) AS epoch
WINDOW same_clock AS (PARTITION BY day.day, epoch.utc_offset_s)
ON CONFLICT DO NOTHING
