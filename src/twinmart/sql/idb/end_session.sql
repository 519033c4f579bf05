-- End whatever session of the collector is open and begin a silence, unless one goes on already.
-- grain   data-source session; span
-- reads   data_source_session
-- writes  data_source_session, no_data
-- rule    silence begins when the source was heard last; the collector's own time counts only if it never was
WITH ended AS (
    UPDATE data_source_session
    SET disconnected_at = last_heard_at, disconnect_reason = %(reason)s
    WHERE disconnected_at IS NULL
    RETURNING last_heard_at
)

INSERT INTO no_data (from_at, to_at, cause)
SELECT coalesce((SELECT max(last_heard_at) FROM ended), %(at)s), NULL, %(cause)s
WHERE NOT EXISTS (SELECT FROM no_data WHERE to_at IS NULL)
