-- The link between the sites: who we are to the other one, the heartbeat that crosses it, and the fence that keeps a replica unwritten.

CREATE TABLE ctl.heartbeat (
    site integer PRIMARY KEY,
    beat bigint NOT NULL,
    beat_at timestamptz NOT NULL,
    epoch bigint NOT NULL,
    lsn pg_lsn NOT NULL
);
COMMENT ON TABLE ctl.heartbeat IS 'Latest beat of each site while it was active; crosses the link like any other row, so its age is how far behind the standby is';
COMMENT ON COLUMN ctl.heartbeat.site IS 'Site that beat';
COMMENT ON COLUMN ctl.heartbeat.beat IS 'Number of the beat, rising by one';
COMMENT ON COLUMN ctl.heartbeat.beat_at IS 'When it beat, by the clock of its own server';
COMMENT ON COLUMN ctl.heartbeat.epoch IS 'Epoch of the topology that it knew';
COMMENT ON COLUMN ctl.heartbeat.lsn IS 'Position of its write-ahead log just before the beat';

CREATE TABLE ops.replica (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    of_site integer NOT NULL,
    since timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE ops.replica IS 'A row exists while this mart is the replica of another: its fences are up, and only what crosses the link is written';
COMMENT ON COLUMN ops.replica.only_row IS 'Keeps the table at one row';
COMMENT ON COLUMN ops.replica.of_site IS 'Active site that it is a replica of';
COMMENT ON COLUMN ops.replica.since IS 'When the fences went up';

CREATE TABLE ops.link (
    name text NOT NULL,
    role text NOT NULL CHECK (role IN ('source', 'target')),
    own_site integer NOT NULL,
    peer_site integer NOT NULL,
    own_system text NOT NULL,
    peer_system text NOT NULL,
    peer_database text NOT NULL,
    origin text,
    copy text NOT NULL CHECK (copy IN ('online', 'dump', 'physical', 'none')),
    state text NOT NULL CHECK (state IN ('preparing', 'copying', 'copied', 'linked', 'ended')),
    start_lsn pg_lsn,
    begun_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    linked_at timestamptz,
    paused_at timestamptz,
    pause_reason text,
    ended_at timestamptz,
    end_lsn pg_lsn,
    end_source_at timestamptz,
    PRIMARY KEY (name, role)
);
COMMENT ON TABLE ops.link IS 'Every link that this mart ever was an end of, written down before anything of it is made, so that what an earlier life left behind is known by name';
COMMENT ON COLUMN ops.link.name IS 'Name of the link''s slot at the source and of its subscription at the target';
COMMENT ON COLUMN ops.link.role IS 'source sends, target receives';
COMMENT ON COLUMN ops.link.own_site IS 'Number of this site';
COMMENT ON COLUMN ops.link.peer_site IS 'Number of the site at the other end';
COMMENT ON COLUMN ops.link.own_system IS 'System identifier of this site''s PostgreSQL when the link was made';
COMMENT ON COLUMN ops.link.peer_system IS 'System identifier of the other end''s PostgreSQL';
COMMENT ON COLUMN ops.link.peer_database IS 'Database of the other end';
COMMENT ON COLUMN ops.link.origin IS 'Replication origin that remembers at the target what was applied';
COMMENT ON COLUMN ops.link.copy IS 'How the target got its first rows: online, dump, physical, or none when it had them already';
COMMENT ON COLUMN ops.link.state IS 'preparing, copying, copied, linked, ended';
COMMENT ON COLUMN ops.link.start_lsn IS 'Position at the source from which the link sends; all before it came with the copy';
COMMENT ON COLUMN ops.link.begun_at IS 'When it was begun';
COMMENT ON COLUMN ops.link.linked_at IS 'When the first change crossed';
COMMENT ON COLUMN ops.link.paused_at IS 'Since when somebody holds it up on purpose; NULL not paused';
COMMENT ON COLUMN ops.link.pause_reason IS 'Why, in that person''s words';
COMMENT ON COLUMN ops.link.ended_at IS 'When it was taken down';
COMMENT ON COLUMN ops.link.end_lsn IS 'Position at the source up to which everything had been applied at the end';
COMMENT ON COLUMN ops.link.end_source_at IS 'Commit time, at the source, of the last transaction applied';

CREATE TABLE ops.lag_history (
    at timestamptz PRIMARY KEY,
    source_site integer NOT NULL,
    target_site integer NOT NULL,
    state text NOT NULL,
    lag_ms bigint,
    lag_bytes bigint,
    kept_bytes bigint,
    safe_bytes bigint,
    beat bigint,
    beat_at timestamptz
);
COMMENT ON TABLE ops.lag_history IS 'What each look at the link found; thinned to one a minute after an hour and one an hour after a day';
COMMENT ON COLUMN ops.lag_history.at IS 'When somebody looked';
COMMENT ON COLUMN ops.lag_history.source_site IS 'Site that sends';
COMMENT ON COLUMN ops.lag_history.target_site IS 'Site that receives';
COMMENT ON COLUMN ops.lag_history.state IS 'State of the link, such as streaming or paused';
COMMENT ON COLUMN ops.lag_history.lag_ms IS 'Age of the newest beat that had crossed, milliseconds; NULL: not known';
COMMENT ON COLUMN ops.lag_history.lag_bytes IS 'Write-ahead log that the target had not confirmed; NULL: not known';
COMMENT ON COLUMN ops.lag_history.kept_bytes IS 'Write-ahead log that the source kept for it; NULL: not known';
COMMENT ON COLUMN ops.lag_history.safe_bytes IS 'Log that may still be written before the slot is lost; NULL: no limit, or not known';
COMMENT ON COLUMN ops.lag_history.beat IS 'Newest beat that had crossed';
COMMENT ON COLUMN ops.lag_history.beat_at IS 'When it was made, by the clock of the source';

-- Fires for local sessions only: apply works in the role of a replica, where ordinary triggers rest.
CREATE FUNCTION ops.fence() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    active integer;
    known bigint := nullif(current_setting('twinmart.epoch', true), '')::bigint;
    newest bigint;
BEGIN
    SELECT of_site INTO active FROM ops.replica;
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'read_only_sql_transaction',
            MESSAGE = format('this mart is a replica of site %s: table "%s.%s" takes no writes here', active, tg_table_schema, tg_table_name),
            HINT = format('Write at site %s.', active);
    END IF;
    IF known IS NOT NULL THEN
        SELECT epoch INTO newest FROM cfg.topology FOR SHARE;
        IF newest IS DISTINCT FROM known THEN
            RAISE EXCEPTION USING
                ERRCODE = 'read_only_sql_transaction',
                MESSAGE = format('this session works under epoch %s, and the mart is at epoch %s', known, newest);
        END IF;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION ops.fence() IS 'Refuses a local write to a replica, and one under an older epoch than the mart''s where the session says twinmart.epoch';

CREATE FUNCTION ops.fence_table(fenced regclass) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    owner name;
BEGIN
    EXECUTE format('CREATE OR REPLACE TRIGGER fence BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s'
                   ' FOR EACH STATEMENT EXECUTE FUNCTION ops.fence()', fenced);
    -- A partition made at a replica comes with all privileges of its owner, which has none on the other tables there.
    SELECT pg_get_userbyid(relowner) INTO owner FROM pg_class WHERE oid = 'cfg.topology'::regclass;
    IF NOT has_table_privilege(owner, 'cfg.topology', 'INSERT') THEN
        EXECUTE format('REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON %s FROM %I', fenced, owner);
    END IF;
END
$$;
COMMENT ON FUNCTION ops.fence_table(regclass) IS 'Puts the fence on a table or partition; statement triggers are not handed down to partitions, so each has its own';

-- A publication of the two names would be two truths, so the tables of a link are found in one place.
CREATE VIEW ops.replicated_table AS
SELECT
    relation.oid AS table_oid,
    schema.nspname AS schema_name,
    relation.relname AS table_name,
    relation.relkind = 'p' AS is_partitioned,
    coalesce(root.root, relation.oid) AS root_oid,
    relation.relispartition AS is_partition,
    EXISTS (SELECT FROM pg_trigger WHERE tgrelid = relation.oid AND tgname = 'fence' AND tgenabled = 'O') AS is_fenced,
    EXISTS (SELECT FROM pg_index WHERE indrelid = relation.oid AND indisprimary) AS has_key
FROM pg_class AS relation
JOIN pg_namespace AS schema ON schema.oid = relation.relnamespace
LEFT JOIN LATERAL (SELECT pg_partition_root(relation.oid)::oid AS root WHERE relation.relispartition) AS root ON true
WHERE schema.nspname IN ('cfg', 'gidb', 'ctl', 'mart', 'agg')
  AND relation.relkind IN ('r', 'p')
  AND relation.relpersistence = 'p';
COMMENT ON VIEW ops.replicated_table IS 'Tables that cross the link, and their partitions';
COMMENT ON COLUMN ops.replicated_table.table_oid IS 'The table';
COMMENT ON COLUMN ops.replicated_table.schema_name IS 'Its schema';
COMMENT ON COLUMN ops.replicated_table.table_name IS 'Its name';
COMMENT ON COLUMN ops.replicated_table.is_partitioned IS 'Whether it is divided into partitions and holds no rows itself';
COMMENT ON COLUMN ops.replicated_table.root_oid IS 'The partitioned table that it is a part of; itself when it is none';
COMMENT ON COLUMN ops.replicated_table.is_partition IS 'Whether it is a partition';
COMMENT ON COLUMN ops.replicated_table.is_fenced IS 'Whether the fence stands on it';
COMMENT ON COLUMN ops.replicated_table.has_key IS 'Whether it has a primary key, without which changes cannot be sent';
