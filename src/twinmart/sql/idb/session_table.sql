-- Connections of one collector to its source.
-- grain   connection, or recording loaded
-- reads   nothing
-- writes  data_source_session
-- rule    times are the source's own, so that they compare with those of events; at most one session is open
CREATE TABLE IF NOT EXISTS data_source_session (
    session_key uuid PRIMARY KEY, -- Session
    source text NOT NULL, -- Name of the source
    collector text NOT NULL, -- Name of the collector
    connected_at timestamptz NOT NULL, -- From when on the source was heard
    connect_type smallint NOT NULL CHECK (connect_type BETWEEN 1 AND 3), -- 1 first, 2 reconnected, 3 source was restarted
    switch_boot_at timestamptz, -- Start of the source, as far as it said
    first_event_at timestamptz, -- Earliest event of the session
    last_event_at timestamptz, -- Latest event of the session
    last_heard_at timestamptz NOT NULL, -- Until when the source is known to have been heard, events or none
    disconnected_at timestamptz, -- End of the session; NULL: it goes on
    disconnect_reason text, -- Why it ended
    events bigint NOT NULL DEFAULT 0, -- Events that the session added
    version text, -- Version of the source
    system_name text -- Name that the source has for itself
)
