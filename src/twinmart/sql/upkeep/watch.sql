-- What somebody who looks after a mart wants to see at a glance.
-- grain   one row
-- reads   ctl.purge_command, mart.date_time, ctl.admin_delay, ctl.late_discard, ctl.fk_violation
-- writes  nothing
-- rule    the latest cut-off of each kind; delays that are not over
SELECT
    (
        SELECT jsonb_object_agg(kind, before_at)
        FROM (SELECT kind, max(before_at) AS before_at FROM ctl.purge_command GROUP BY kind) AS latest
    ) AS purged_before,
    (SELECT to_timestamp(max(date_time_key) + 900) FROM mart.date_time) AS calendar_to,
    (SELECT array_agg(source || ' (' || state || ')' ORDER BY source) FROM ctl.admin_delay WHERE is_open) AS delayed,
    (SELECT coalesce(sum(row_count), 0)::bigint FROM ctl.late_discard) AS refused,
    (SELECT count(*) FROM ctl.fk_violation) AS violations
