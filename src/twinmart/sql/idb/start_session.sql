-- Begin a data-source session; the silence before it, if any, ends.
-- grain   data-source session; span
-- reads   nothing
-- writes  data_source_session, no_data
-- rule    a session told twice begins once; a silence that took no time, by clocks that differ, was none
WITH heard AS (
    UPDATE no_data SET to_at = %(connected_at)s WHERE to_at IS NULL AND from_at < %(connected_at)s
),

no_silence AS (
    DELETE FROM no_data WHERE to_at IS NULL AND from_at >= %(connected_at)s
)

INSERT INTO data_source_session (
    session_key, source, collector, connected_at, connect_type, last_heard_at
)
VALUES (
    %(session_key)s, %(source)s, %(collector)s, %(connected_at)s, %(connect_type)s, %(connected_at)s
)
ON CONFLICT DO NOTHING
