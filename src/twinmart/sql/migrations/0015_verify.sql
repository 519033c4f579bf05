-- What was verified, and the signatures by which partitions that nobody writes are known again.

CREATE TABLE ops.verify_run (
    run uuid PRIMARY KEY,
    started_at timestamptz NOT NULL,
    ended_at timestamptz NOT NULL,
    active_site integer NOT NULL,
    standby_site integer,
    verdict text NOT NULL CHECK (verdict IN ('right', 'different', 'unknown')),
    rows_compared bigint NOT NULL,
    rows_different bigint NOT NULL,
    is_deep boolean NOT NULL,
    evidence jsonb NOT NULL
);
COMMENT ON TABLE ops.verify_run IS 'One row a verification: what was looked at and what was found';
COMMENT ON COLUMN ops.verify_run.run IS 'Identity of the verification';
COMMENT ON COLUMN ops.verify_run.started_at IS 'When it began';
COMMENT ON COLUMN ops.verify_run.ended_at IS 'When it was done';
COMMENT ON COLUMN ops.verify_run.active_site IS 'Site whose mart was taken for right';
COMMENT ON COLUMN ops.verify_run.standby_site IS 'Site that was compared with it; NULL: none, the mart was compared with its own events only';
COMMENT ON COLUMN ops.verify_run.verdict IS 'right, different, or unknown when it could not be told';
COMMENT ON COLUMN ops.verify_run.rows_compared IS 'Rows of the active site that were compared, those of trusted signatures included';
COMMENT ON COLUMN ops.verify_run.rows_different IS 'Rows that stayed different after the lag had passed, or that the events do not give';
COMMENT ON COLUMN ops.verify_run.is_deep IS 'Whether every fact was recomputed and no stored signature trusted';
COMMENT ON COLUMN ops.verify_run.evidence IS 'The report, as the command prints it in JSON';

CREATE TABLE ops.verify_signature (
    table_name text NOT NULL,
    from_key bigint NOT NULL,
    to_key bigint NOT NULL,
    rows_counted bigint NOT NULL,
    signature numeric NOT NULL,
    writes bigint NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (table_name, from_key, to_key)
);
COMMENT ON TABLE ops.verify_signature IS 'Signature of a span of a table as this site computed it last; trusted for some days while nobody has written there';
COMMENT ON COLUMN ops.verify_signature.table_name IS 'Table, with its schema';
COMMENT ON COLUMN ops.verify_signature.from_key IS 'Begin of the span, seconds since the epoch';
COMMENT ON COLUMN ops.verify_signature.to_key IS 'End of the span, not in it';
COMMENT ON COLUMN ops.verify_signature.rows_counted IS 'Rows in the span';
COMMENT ON COLUMN ops.verify_signature.signature IS 'Sum of the hashes of its rows';
COMMENT ON COLUMN ops.verify_signature.writes IS 'Inserts, updates and deletes that the server had counted in its partitions by then';
COMMENT ON COLUMN ops.verify_signature.made_at IS 'When it was computed';
