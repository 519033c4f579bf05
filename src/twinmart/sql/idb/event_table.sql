-- Events of one collector, as its source told them.
-- grain   event
-- reads   nothing
-- writes  event
-- rule    rows are added and never changed; seq grows in the order of commits, since one writer writes at a time
CREATE TABLE IF NOT EXISTS event (
    event_id uuid NOT NULL, -- Identity: a function of what the source said, so both twins compute the same
    at timestamptz NOT NULL, -- The source's own time stamp
    kind text NOT NULL, -- What happened; the closed list is in docs/reference/events.md
    channel_id text, -- Channel that the event is about
    linked_id text, -- Call that the switch counts the channel to at that moment
    other_id text, -- Second channel: dialled, swapped, other half of a pair
    bridge_id text, -- Bridge
    channel text, -- Name of the channel; of a member: the device whose state counts for it
    queue text, -- Queue
    member text, -- Queue member's interface, or Agent:NNN
    number text, -- Caller's number; of a member: its kind (static, dynamic, realtime)
    target text, -- Number dialled, member's name, target of a transfer
    value text, -- State, cause, status, kind of bridge, paused 0 or 1
    reason text, -- Reason of a pause
    detail jsonb, -- What only some kinds carry
    session_key uuid NOT NULL, -- Data-source session that delivered it
    received_at timestamptz NOT NULL, -- When the collector took it from the socket, by its own clock
    seq bigint NOT NULL DEFAULT nextval('event_seq'), -- Order of writing
    PRIMARY KEY (at, event_id)
) PARTITION BY RANGE (at)
