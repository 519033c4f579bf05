-- Spans in which one collector heard nothing of its source and knows it.
-- grain   span
-- reads   nothing
-- writes  no_data
-- rule    half-open; at most one span is open
CREATE TABLE IF NOT EXISTS no_data (
    from_at timestamptz NOT NULL, -- Last time that the source was heard
    to_at timestamptz CHECK (to_at >= from_at), -- When it was heard again; NULL: it is silent still
    cause text NOT NULL -- Why: not-connected, silent, spool-full, stopped
)
