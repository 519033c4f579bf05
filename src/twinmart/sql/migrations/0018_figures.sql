-- What completes the figures.

-- An hour that clocks jump into, such as that of 02:45 -> 03:45 at the Chatham Islands, bore the key of the hour before.
UPDATE mart.calendar_date_time AS member
SET date_time_hour_key = found.hour_key, date_time_30min_key = found.half_key
FROM (
    SELECT
        calendar_key,
        date_time_key,
        greatest(date_time_hour_key, min(date_time_key) OVER same_clock) AS hour_key,
        greatest(date_time_30min_key, min(date_time_key) OVER same_clock) AS half_key
    FROM mart.calendar_date_time
    WINDOW same_clock AS (PARTITION BY calendar_key, date_time_day_key, utc_offset_s)
) AS found
WHERE member.calendar_key = found.calendar_key
  AND member.date_time_key = found.date_time_key
  AND (member.date_time_hour_key, member.date_time_30min_key) IS DISTINCT FROM (found.hour_key, found.half_key);
