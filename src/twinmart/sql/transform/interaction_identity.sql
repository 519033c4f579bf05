-- Remember under which identity each working interaction stands in the facts.
-- grain   interaction
-- reads   interaction (temporary), leg (temporary), leg_phase (temporary), visit (temporary), leg_wrap (temporary)
-- writes  gidb.interaction
-- rule    the latest interval is that of its latest row
INSERT INTO gidb.interaction (source_key, root_id, interaction_id, start_date_time_key, last_date_time_key)
SELECT interaction.source_key, interaction.root_id, interaction.interaction_id, interaction.start_date_time_key,
    greatest(interaction.start_date_time_key, part.last_key)
FROM interaction
LEFT JOIN (
    SELECT source_key, root_id, max(key) AS last_key
    FROM (
        SELECT source_key, root_id, mart.date_time_key(start_at) AS key FROM leg
        UNION ALL
        SELECT source_key, root_id, at_ms / 900000 * 900 FROM leg_phase
        UNION ALL
        SELECT source_key, root_id, mart.date_time_key(start_at) FROM visit
        UNION ALL
        SELECT leg.source_key, leg.root_id, mart.date_time_key(leg_wrap.end_at) FROM leg_wrap JOIN leg USING (source_key, attempt_id)
    ) AS row_start
    GROUP BY source_key, root_id
) AS part USING (source_key, root_id)
