-- Messages that could not be understood, kept aside.
-- grain   message
-- reads   nothing
-- writes  bad_message
-- rule    the stream goes on without them
CREATE TABLE IF NOT EXISTS bad_message (
    id uuid PRIMARY KEY, -- Message
    session_key uuid NOT NULL, -- Data-source session that delivered it
    received_at timestamptz NOT NULL, -- When the collector took it from the socket, by its own clock
    reason text NOT NULL, -- What is wrong with it; the closed list is in docs/reference/events.md
    raw bytea NOT NULL -- The message, cut after 64 KiB
)
