-- The identities under which the working interactions stand in the facts so far.
-- grain   interaction
-- reads   working_call (temporary), gidb.interaction
-- writes  gidb.interaction, stale_interaction (temporary)
-- rule    an interaction's root is one of its calls, so every identity that may change is found by the working calls
WITH taken AS (
    DELETE FROM gidb.interaction AS known
    USING working_call AS call
    WHERE known.source_key = call.source_key AND known.root_id = call.linked_id
    RETURNING known.source_key, known.root_id, known.interaction_id, known.start_date_time_key, known.last_date_time_key
)
INSERT INTO stale_interaction
SELECT * FROM taken
