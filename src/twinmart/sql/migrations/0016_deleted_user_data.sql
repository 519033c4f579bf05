-- User data leave tombstones too, so that copies of the mart need only what changed; and news has a time, so that a backlog is worked
-- off by spans of it.

-- A row of user data is known by its fact and by which part of the fact's user data it is.
ALTER TABLE ctl.deleted_fact ADD COLUMN fact_part text NOT NULL DEFAULT '';
COMMENT ON COLUMN ctl.deleted_fact.fact_part IS 'What the key has beyond the fact: number of the table, or column, of user data; else empty';
ALTER TABLE ctl.deleted_fact DROP CONSTRAINT deleted_fact_pkey;
ALTER TABLE ctl.deleted_fact ADD PRIMARY KEY (deleted_at, table_name, tenant_key, start_date_time_key, fact_key, fact_part);

CREATE OR REPLACE FUNCTION ctl.note_deleted_fact() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ctl.deleted_fact (deleted_at, table_name, tenant_key, start_date_time_key, fact_key, fact_part, audit_key)
    SELECT now(), TG_TABLE_NAME, tenant_key, start_date_time_key, (to_jsonb(gone) ->> TG_ARGV[0])::uuid,
        CASE WHEN TG_NARGS > 1 THEN to_jsonb(gone) ->> TG_ARGV[1] ELSE '' END,
        (SELECT value FROM ctl.counter WHERE name = 'audit')
    FROM gone
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION ctl.note_deleted_fact() IS 'Writes a tombstone for each row deleted from a fact table; its arguments are the column of the key and, where the key has one more, that';
CREATE TRIGGER note_deleted AFTER DELETE ON mart.irf_user_data_gen_1 REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION ctl.note_deleted_fact('interaction_resource_id');
CREATE TRIGGER note_deleted AFTER DELETE ON mart.irf_user_data_keys REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION ctl.note_deleted_fact('interaction_resource_id');
CREATE TRIGGER note_deleted AFTER DELETE ON mart.irf_user_data_cust REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION ctl.note_deleted_fact('interaction_resource_id', 'table_no');
CREATE TRIGGER note_deleted AFTER DELETE ON mart.irf_user_data_discard REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION ctl.note_deleted_fact('interaction_resource_id', 'ude_column_name');

ALTER TABLE gidb.touched_call ADD COLUMN news_at timestamptz NOT NULL DEFAULT '-infinity';
COMMENT ON COLUMN gidb.touched_call.news_at IS 'Earliest event of which it is told; -infinity where no event is the reason, which is taken first';
CREATE INDEX touched_call_news_at_ix ON gidb.touched_call (news_at, source_key, linked_id);
