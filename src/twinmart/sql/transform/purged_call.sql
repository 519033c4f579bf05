-- Leave interactions alone that began before events were purged: they cannot be computed again, and stay as they are.
-- grain   call, channel
-- reads   working_call (temporary), gidb.interaction, ctl.purge_command
-- writes  working_call (temporary), working_channel (temporary), ctl.late_discard
-- rule    an interaction is left alone as a whole; the news of it is recorded as refused
WITH cut_off AS (
    SELECT max(before_at) AS at FROM ctl.purge_command WHERE kind = 'gidb'
),
gone AS (
    SELECT call.source_key, call.root_id, min(known.start_date_time_key) AS start_key, min(cut_off.at) AS before_at
    FROM cut_off
    JOIN gidb.interaction AS known ON known.start_date_time_key < mart.date_time_key(cut_off.at)
    JOIN working_call AS call ON call.source_key = known.source_key AND call.linked_id = known.root_id
    WHERE cut_off.at IS NOT NULL
    GROUP BY call.source_key, call.root_id
),
calls AS (
    DELETE FROM working_call AS call
    USING gone
    WHERE call.source_key = gone.source_key AND call.root_id = gone.root_id
    RETURNING call.source_key, call.root_id
),
channels AS (
    DELETE FROM working_channel AS channel
    USING gone
    WHERE channel.source_key = gone.source_key AND channel.root_id = gone.root_id
)
INSERT INTO ctl.late_discard (source_key, code, root_id, row_count, first_at, before_at)
SELECT gone.source_key, 'purged-interaction', gone.root_id, count(*), to_timestamp(gone.start_key), gone.before_at
FROM gone
JOIN calls USING (source_key, root_id)
GROUP BY gone.source_key, gone.root_id, gone.start_key, gone.before_at
