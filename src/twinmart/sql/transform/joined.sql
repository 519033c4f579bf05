-- Parts of interactions on several switches: which of them make one interaction, and which of them began it.
-- grain   part: the calls of one source that are joined by their channels
-- reads   working_channel (temporary), channel (temporary), gidb.across_link
-- writes  nothing
-- rule    parts that carry the same value are one interaction, and so are those that a third one joins. The part that was heard first
--         began it. A part that nothing joins is not here
WITH RECURSIVE carried AS (
    SELECT DISTINCT link.value, working.source_key, working.root_id
    FROM gidb.across_link AS link
    JOIN working_channel AS working USING (source_key, channel_id)
    WHERE EXISTS (SELECT FROM channel WHERE channel.source_key = working.source_key AND channel.root_id = working.root_id)
),
reach (source_key, root_id, other_key, other_id) AS (
    SELECT source_key, root_id, source_key, root_id FROM carried
    UNION
    SELECT reach.source_key, reach.root_id, other.source_key, other.root_id
    FROM reach
    JOIN carried AS known ON known.source_key = reach.other_key AND known.root_id = reach.other_id
    JOIN carried AS other ON other.value = known.value
),
began AS (
    SELECT source_key, root_id, min(first_at) AS at FROM channel GROUP BY source_key, root_id
)
SELECT *
FROM (
    SELECT
        reach.source_key,
        reach.root_id,
        first_value(reach.other_key) OVER first AS whole_key,
        first_value(reach.other_id) OVER first AS whole_id,
        row_number() OVER first AS place,
        count(*) OVER (PARTITION BY reach.source_key, reach.root_id) AS parts,
        bool_or(reach.other_key <> reach.source_key) OVER (PARTITION BY reach.source_key, reach.root_id) AS is_across
    FROM reach
    JOIN began ON began.source_key = reach.other_key AND began.root_id = reach.other_id
    WINDOW first AS (
        PARTITION BY reach.source_key, reach.root_id ORDER BY began.at, reach.other_key, reach.other_id
        ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    )
) AS ranked
WHERE place = 1 AND parts > 1
