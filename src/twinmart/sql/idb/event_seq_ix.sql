-- What the extraction asks for: everything after the last row taken.
-- grain   event
-- reads   event
-- writes  event_seq_ix
-- rule    one index, made with the table
CREATE INDEX IF NOT EXISTS event_seq_ix ON event (seq)
