-- Recoveries: who may change what, what a run has left as done, the copy of the journal, and what a lost site cost.

CREATE TABLE ops.recovery_fence (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    number bigint NOT NULL DEFAULT 0,
    run text,
    promised_epoch bigint NOT NULL DEFAULT 0,
    fenced_for integer,
    changed_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO ops.recovery_fence DEFAULT VALUES;
COMMENT ON TABLE ops.recovery_fence IS 'One row: which run of a recovery may change this mart, and what the site has promised to another one';
COMMENT ON COLUMN ops.recovery_fence.only_row IS 'Keeps the table at one row';
COMMENT ON COLUMN ops.recovery_fence.number IS 'Rises with every run; a run with a lower one must not change anything any more';
COMMENT ON COLUMN ops.recovery_fence.run IS 'The run that has the number';
COMMENT ON COLUMN ops.recovery_fence.promised_epoch IS 'Epoch promised to another site; this site never takes it or a lower one for itself';
COMMENT ON COLUMN ops.recovery_fence.fenced_for IS 'Site that was to become active when the promise was given; this one does not load; NULL: it is not fenced so';
COMMENT ON COLUMN ops.recovery_fence.changed_at IS 'When the row was changed';

CREATE TABLE ops.recovery_mark (
    run text NOT NULL,
    mark text NOT NULL,
    marked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (run, mark)
);
COMMENT ON TABLE ops.recovery_mark IS 'What a run has done that nothing else shows, written with the doing';
COMMENT ON COLUMN ops.recovery_mark.run IS 'The run';
COMMENT ON COLUMN ops.recovery_mark.mark IS 'What was done';
COMMENT ON COLUMN ops.recovery_mark.marked_at IS 'When';

CREATE TABLE ops.recovery_record (
    run text NOT NULL,
    seq bigint NOT NULL,
    at timestamptz NOT NULL,
    kind text NOT NULL,
    step text,
    data jsonb NOT NULL,
    hash text NOT NULL,
    PRIMARY KEY (run, seq)
);
COMMENT ON TABLE ops.recovery_record IS 'Copy of the journal of recoveries, whose file lies in the folder of the site';
COMMENT ON COLUMN ops.recovery_record.run IS 'The run';
COMMENT ON COLUMN ops.recovery_record.seq IS 'Number of the record in the journal';
COMMENT ON COLUMN ops.recovery_record.at IS 'When it was written';
COMMENT ON COLUMN ops.recovery_record.kind IS 'begun, taken, intent, outcome, note, paused, ended';
COMMENT ON COLUMN ops.recovery_record.step IS 'Step that it is of, if any';
COMMENT ON COLUMN ops.recovery_record.data IS 'What it says';
COMMENT ON COLUMN ops.recovery_record.hash IS 'SHA-256 of it and of the hash before';

CREATE TABLE ctl.loss (
    loss_key uuid PRIMARY KEY,
    run text NOT NULL,
    lost_site integer NOT NULL,
    source_key bigint NOT NULL,
    class text NOT NULL CHECK (class IN ('delivered', 'recovered', 'partial', 'gone')),
    from_at timestamptz,
    to_at timestamptz,
    events bigint,
    calls bigint,
    agents bigint,
    minutes bigint,
    cause text,
    noted_at timestamptz NOT NULL DEFAULT now(),
    closed_at timestamptz,
    CHECK (from_at <= to_at)
);
CREATE INDEX loss_source_key_from_at_ix ON ctl.loss (source_key, from_at);
COMMENT ON TABLE ctl.loss IS 'The loss manifest: what became of the data of each source when a site was lost';
COMMENT ON COLUMN ctl.loss.loss_key IS 'Follows from run, source, class and begin';
COMMENT ON COLUMN ctl.loss.run IS 'Failover that found it';
COMMENT ON COLUMN ctl.loss.lost_site IS 'Site that was lost';
COMMENT ON COLUMN ctl.loss.source_key IS 'Source';
COMMENT ON COLUMN ctl.loss.class IS 'delivered: in the mart before the loss; recovered: taken from the twin; partial: the twin heard the source and knows that it missed some; gone: nobody recorded it';
COMMENT ON COLUMN ctl.loss.from_at IS 'Begin of the span; NULL: from the beginning';
COMMENT ON COLUMN ctl.loss.to_at IS 'End of the span, not included; NULL: it goes on';
COMMENT ON COLUMN ctl.loss.events IS 'Events of the span in the mart; NULL: not counted';
COMMENT ON COLUMN ctl.loss.calls IS 'Calls that these events are of';
COMMENT ON COLUMN ctl.loss.agents IS 'Agents that these events are of';
COMMENT ON COLUMN ctl.loss.minutes IS 'Minutes in which there are events';
COMMENT ON COLUMN ctl.loss.cause IS 'Why, where it is known';
COMMENT ON COLUMN ctl.loss.noted_at IS 'When it was noted';
COMMENT ON COLUMN ctl.loss.closed_at IS 'When it stopped being a loss, since the data turned up; NULL: it has not';
