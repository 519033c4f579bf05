-- Extend the calendar over a span, in intervals of 15 minutes of UTC.
-- grain   interval
-- reads   mart.date_time
-- writes  mart.date_time
-- rule    weeks begin on Monday
INSERT INTO mart.date_time
SELECT
    extract(epoch FROM moment)::bigint,
    extract(epoch FROM moment)::bigint / 1800 * 1800,
    extract(epoch FROM moment)::bigint / 3600 * 3600,
    extract(epoch FROM date_trunc('day', moment, 'UTC'))::bigint,
    extract(epoch FROM date_trunc('week', moment, 'UTC'))::bigint,
    extract(epoch FROM date_trunc('month', moment, 'UTC'))::bigint,
    extract(epoch FROM date_trunc('quarter', moment, 'UTC'))::bigint,
    extract(epoch FROM date_trunc('year', moment, 'UTC'))::bigint,
    extract(epoch FROM date_trunc('day', moment, 'UTC'))::bigint + 86400,
    moment,
    to_char(moment AT TIME ZONE 'UTC', 'YYYY'),
    to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM'),
    to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD'),
    to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24'),
    to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'),
    extract(isodow FROM moment AT TIME ZONE 'UTC'),
    to_char(moment AT TIME ZONE 'UTC', 'FMDay'),
    extract(month FROM moment AT TIME ZONE 'UTC'),
    to_char(moment AT TIME ZONE 'UTC', 'FMMonth'),
    extract(quarter FROM moment AT TIME ZONE 'UTC'),
    extract(hour FROM moment AT TIME ZONE 'UTC')
FROM generate_series(
    to_timestamp(%(from_key)s), to_timestamp(%(to_key)s), interval '15 minutes'
) AS moment
ON CONFLICT DO NOTHING
