-- Take calls that have news, oldest news first, as the work of this transformation; answers with how many those were.
-- grain   call
-- reads   gidb.touched_call, gidb.login_call, gidb.interaction, cfg.option
-- writes  gidb.touched_call, working_call (temporary), gidb.interaction, stale_interaction (temporary), ctl.transform_discard
-- rule    a call in which an agent only waits is no interaction, and stops being one when that turns out; a call of which an
--         extraction is just telling news waits. News of chunk-size seconds is taken at most, so that a backlog of days is worked off
--         in steps of a like size, each of which is committed
WITH oldest AS MATERIALIZED (
    SELECT news_at FROM gidb.touched_call ORDER BY news_at, source_key, linked_id LIMIT 1 FOR UPDATE SKIP LOCKED
),
taken AS (
    DELETE FROM gidb.touched_call AS touched
    USING (
        SELECT source_key, linked_id
        FROM gidb.touched_call
        WHERE NOT %(in_chunks)s OR news_at <= (
            SELECT news_at + make_interval(secs => cfg.mart_option('gim-transformation', 'chunk-size', '7200')::double precision)
            FROM oldest
        )
        ORDER BY news_at, source_key, linked_id
        LIMIT %(most)s
        FOR UPDATE SKIP LOCKED
    ) AS next
    WHERE touched.source_key = next.source_key AND touched.linked_id = next.linked_id
    RETURNING touched.source_key, touched.linked_id
),
waiting AS (
    SELECT taken.source_key, taken.linked_id FROM taken JOIN gidb.login_call USING (source_key, linked_id)
),
gone AS (
    DELETE FROM gidb.interaction AS known
    USING waiting
    WHERE known.source_key = waiting.source_key AND known.root_id = waiting.linked_id
    RETURNING known.source_key, known.root_id, known.interaction_id, known.start_date_time_key, known.last_date_time_key
),
stale AS (
    INSERT INTO stale_interaction SELECT * FROM gone
),
forgotten AS (
    DELETE FROM ctl.transform_discard AS known
    USING waiting
    WHERE known.source_key = waiting.source_key AND known.root_id = waiting.linked_id
),
working AS (
    INSERT INTO working_call (source_key, linked_id, root_id)
    SELECT source_key, linked_id, linked_id
    FROM taken
    WHERE NOT EXISTS (SELECT FROM waiting WHERE waiting.source_key = taken.source_key AND waiting.linked_id = taken.linked_id)
)
SELECT count(*) FROM taken
