-- The witness: the lease under which the active site may load, what the other site tells, and what was decided.

CREATE TABLE ops.lease (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    epoch bigint NOT NULL,
    held_until timestamptz NOT NULL,
    reason text
);
COMMENT ON TABLE ops.lease IS 'A row exists while a witness watches over this site''s loads: after held_until none is committed in the epoch';
COMMENT ON COLUMN ops.lease.only_row IS 'Keeps the table at one row';
COMMENT ON COLUMN ops.lease.epoch IS 'Epoch that the lease is for; in another one the row says nothing';
COMMENT ON COLUMN ops.lease.held_until IS 'Until when loads may be committed, by this server''s clock; it moves on while the witness or the other site answers';
COMMENT ON COLUMN ops.lease.reason IS 'Why loads are refused; NULL: they are not';

CREATE TABLE ops.contact (
    site integer PRIMARY KEY,
    contact bigint NOT NULL,
    at timestamptz NOT NULL,
    epoch bigint NOT NULL,
    witness text,
    beat_at timestamptz,
    verified_at timestamptz,
    claimed_epoch bigint
);
COMMENT ON TABLE ops.contact IS 'What the active site told the last time that it reached this one';
COMMENT ON COLUMN ops.contact.site IS 'Site that told';
COMMENT ON COLUMN ops.contact.contact IS 'Number of the contact, rising by one';
COMMENT ON COLUMN ops.contact.at IS 'When it told, by this server''s clock';
COMMENT ON COLUMN ops.contact.epoch IS 'Epoch in which it was active';
COMMENT ON COLUMN ops.contact.witness IS 'Identity of the witness that it answers to; NULL: it has reached none yet';
COMMENT ON COLUMN ops.contact.beat_at IS 'Its newest beat, by its own clock';
COMMENT ON COLUMN ops.contact.verified_at IS 'When the last verification that found both sites alike ended';
COMMENT ON COLUMN ops.contact.claimed_epoch IS 'Epoch in which this site is about to become active: the other may take no contact for a leave to load; NULL: none';

CREATE TABLE ops.witness_decision (
    at timestamptz PRIMARY KEY DEFAULT clock_timestamp(),
    site integer NOT NULL,
    decision text NOT NULL,
    reasons text[] NOT NULL,
    epoch bigint NOT NULL,
    observed_only boolean NOT NULL
);
COMMENT ON TABLE ops.witness_decision IS 'One row each time that a site decides otherwise than before';
COMMENT ON COLUMN ops.witness_decision.at IS 'When';
COMMENT ON COLUMN ops.witness_decision.site IS 'Site that decided, which is this one';
COMMENT ON COLUMN ops.witness_decision.decision IS 'keep, fence, wait, take, go on, none';
COMMENT ON COLUMN ops.witness_decision.reasons IS 'Why, in words';
COMMENT ON COLUMN ops.witness_decision.epoch IS 'Epoch that the site knew';
COMMENT ON COLUMN ops.witness_decision.observed_only IS 'Whether it only said so and did nothing';

-- Every extraction and every load takes a number, so this is asked once for each, when it commits.
CREATE FUNCTION ops.require_lease() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    ended timestamptz;
BEGIN
    SELECT held_until INTO ended FROM ops.lease JOIN cfg.topology USING (epoch) WHERE held_until <= clock_timestamp();
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'read_only_sql_transaction',
            MESSAGE = 'this site has fenced itself: its leave to load has ended',
            HINT = 'Look with: twinmart witness status.';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION ops.require_lease() IS 'Refuses the commit of a load after the lease of this site has ended';

CREATE CONSTRAINT TRIGGER lease AFTER UPDATE ON ctl.counter DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION ops.require_lease();

-- Salvage: what was brought from a site that was lost and came back.
CREATE TABLE ops.salvage_run (
    run uuid PRIMARY KEY,
    lost_site integer NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at timestamptz,
    events_brought bigint NOT NULL DEFAULT 0,
    gaps_closed bigint NOT NULL DEFAULT 0,
    report jsonb
);
COMMENT ON TABLE ops.salvage_run IS 'One row a salvage: what a lost site that came back had alone, and what became of it';
COMMENT ON COLUMN ops.salvage_run.run IS 'Identity of the salvage';
COMMENT ON COLUMN ops.salvage_run.lost_site IS 'Site that was lost';
COMMENT ON COLUMN ops.salvage_run.started_at IS 'When it began';
COMMENT ON COLUMN ops.salvage_run.ended_at IS 'When it was done; NULL: it was broken off, and the next one goes on';
COMMENT ON COLUMN ops.salvage_run.events_brought IS 'Events that only the lost site had';
COMMENT ON COLUMN ops.salvage_run.gaps_closed IS 'Gaps that the events closed';
COMMENT ON COLUMN ops.salvage_run.report IS 'The report, as the command prints it in JSON';
