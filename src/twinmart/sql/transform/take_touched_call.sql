-- Take calls that have news, oldest news first, as the work of this transformation.
-- grain   call
-- reads   gidb.touched_call, gidb.login_call
-- writes  gidb.touched_call, working_call (temporary)
-- rule    a call in which an agent only waits is no interaction; a call of which an extraction is just telling news waits
WITH taken AS (
    DELETE FROM gidb.touched_call AS touched
    USING (
        SELECT source_key, linked_id
        FROM gidb.touched_call
        ORDER BY batch, source_key, linked_id
        LIMIT %(most)s
        FOR UPDATE SKIP LOCKED
    ) AS next
    WHERE touched.source_key = next.source_key AND touched.linked_id = next.linked_id
    RETURNING touched.source_key, touched.linked_id
)
INSERT INTO working_call (source_key, linked_id, root_id)
SELECT source_key, linked_id, linked_id
FROM taken
WHERE NOT EXISTS (
    SELECT FROM gidb.login_call WHERE login_call.source_key = taken.source_key AND login_call.linked_id = taken.linked_id
)
