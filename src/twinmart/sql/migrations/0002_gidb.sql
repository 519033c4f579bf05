-- GIDB: events of all sources, and what the extraction learns from each event as it passes.

-- Channels are named DEVICE-00000001, halves of a Local channel end in ;1 or ;2, a member's interface may carry options.
CREATE FUNCTION gidb.device(channel_name text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN regexp_replace(regexp_replace(channel_name, '-[0-9a-f]{8}(;[12])?(<[A-Z]+>)?$', ''), '^(Local/[^/]+)/[a-z]+$', '\1');
COMMENT ON FUNCTION gidb.device(text) IS 'Device of a channel name or member interface: without the number, the half and the options';

CREATE TABLE gidb.event (
    event_id uuid NOT NULL,
    at timestamptz NOT NULL,
    source_key bigint NOT NULL,
    kind text NOT NULL,
    channel_id text,
    linked_id text,
    other_id text,
    bridge_id text,
    channel text,
    queue text,
    member text,
    number text,
    target text,
    value text,
    reason text,
    detail jsonb,
    batch bigint NOT NULL,
    PRIMARY KEY (at, event_id)
) PARTITION BY RANGE (at);
COMMENT ON TABLE gidb.event IS 'Every event once, from whichever twin delivered it';
COMMENT ON COLUMN gidb.event.event_id IS 'Identity: a function of what the source said, so both twins compute the same';
COMMENT ON COLUMN gidb.event.at IS 'The source''s own time stamp';
COMMENT ON COLUMN gidb.event.source_key IS 'Source';
COMMENT ON COLUMN gidb.event.kind IS 'What happened; the closed list is in docs/reference/events.md';
COMMENT ON COLUMN gidb.event.channel_id IS 'Channel that the event is about';
COMMENT ON COLUMN gidb.event.linked_id IS 'Call that the switch counts the channel to at that moment';
COMMENT ON COLUMN gidb.event.other_id IS 'Second channel: dialled, swapped, other half of a pair';
COMMENT ON COLUMN gidb.event.bridge_id IS 'Bridge';
COMMENT ON COLUMN gidb.event.channel IS 'Name of the channel; of a member: the device whose state counts for it';
COMMENT ON COLUMN gidb.event.queue IS 'Queue';
COMMENT ON COLUMN gidb.event.member IS 'Queue member''s interface, or Agent:NNN';
COMMENT ON COLUMN gidb.event.number IS 'Caller''s number; of a member: its kind (static, dynamic, realtime)';
COMMENT ON COLUMN gidb.event.target IS 'Number dialled, member''s name, target of a transfer';
COMMENT ON COLUMN gidb.event.value IS 'State, cause, status, kind of bridge, paused 0 or 1';
COMMENT ON COLUMN gidb.event.reason IS 'Reason of a pause';
COMMENT ON COLUMN gidb.event.detail IS 'What only some kinds carry';
COMMENT ON COLUMN gidb.event.batch IS 'Extraction that brought it';
CREATE INDEX event_source_key_channel_id_ix ON gidb.event (source_key, channel_id) WHERE channel_id IS NOT NULL;
CREATE INDEX event_source_key_member_ix ON gidb.event (source_key, member, queue, at) WHERE member IS NOT NULL AND channel_id IS NULL;
CREATE INDEX event_source_key_at_ix ON gidb.event (source_key, at) WHERE kind IN ('channel_snapshot', 'member_snapshot');

CREATE TABLE gidb.channel_link (
    source_key bigint NOT NULL,
    channel_id text NOT NULL,
    linked_id text NOT NULL,
    cause text NOT NULL DEFAULT 'seen',
    device text,
    started_at timestamptz,
    originated boolean NOT NULL DEFAULT false,
    PRIMARY KEY (source_key, channel_id, linked_id, cause)
);
COMMENT ON TABLE gidb.channel_link IS 'Which calls a channel was counted to; the edges that make several calls one interaction';
COMMENT ON COLUMN gidb.channel_link.source_key IS 'Source';
COMMENT ON COLUMN gidb.channel_link.channel_id IS 'Channel';
COMMENT ON COLUMN gidb.channel_link.linked_id IS 'Call';
COMMENT ON COLUMN gidb.channel_link.cause IS 'seen: the switch said so; consult: a call made by a phone that held another';
COMMENT ON COLUMN gidb.channel_link.device IS 'Device of the channel, where the row is the channel''s start';
COMMENT ON COLUMN gidb.channel_link.started_at IS 'Start of the channel, likewise';
COMMENT ON COLUMN gidb.channel_link.originated IS 'Whether the device placed the call itself, likewise';
CREATE INDEX channel_link_source_key_linked_id_ix ON gidb.channel_link (source_key, linked_id);
CREATE INDEX channel_link_source_key_device_started_at_ix ON gidb.channel_link (source_key, device, started_at)
    WHERE device IS NOT NULL;

CREATE TABLE gidb.login_call (
    source_key bigint NOT NULL,
    linked_id text NOT NULL,
    channel_id text NOT NULL,
    member text NOT NULL,
    device text NOT NULL,
    PRIMARY KEY (source_key, linked_id)
);
COMMENT ON TABLE gidb.login_call IS 'Calls in which an agent of a pool only waits for work: never part of an interaction';
COMMENT ON COLUMN gidb.login_call.source_key IS 'Source';
COMMENT ON COLUMN gidb.login_call.linked_id IS 'Call';
COMMENT ON COLUMN gidb.login_call.channel_id IS 'The agent''s channel';
COMMENT ON COLUMN gidb.login_call.member IS 'Agent:NNN';
COMMENT ON COLUMN gidb.login_call.device IS 'The agent''s phone';

CREATE TABLE gidb.alias_pair (
    source_key bigint NOT NULL,
    name text NOT NULL,
    same_as text NOT NULL,
    PRIMARY KEY (source_key, name, same_as)
);
COMMENT ON TABLE gidb.alias_pair IS 'Evidence that two names mean one agent; a pair of equal names says that it is an agent''s';
COMMENT ON COLUMN gidb.alias_pair.source_key IS 'Source';
COMMENT ON COLUMN gidb.alias_pair.name IS 'A name';
COMMENT ON COLUMN gidb.alias_pair.same_as IS 'The other';

CREATE TABLE gidb.alias (
    source_key bigint NOT NULL,
    name text NOT NULL,
    root text NOT NULL,
    resource_key bigint NOT NULL,
    PRIMARY KEY (source_key, name)
);
COMMENT ON TABLE gidb.alias IS 'Names of one agent: interface, state interface, phone, pool agent';
COMMENT ON COLUMN gidb.alias.source_key IS 'Source';
COMMENT ON COLUMN gidb.alias.name IS 'A name in use';
COMMENT ON COLUMN gidb.alias.root IS 'The name that stands for the agent';
COMMENT ON COLUMN gidb.alias.resource_key IS 'The agent';
CREATE INDEX alias_resource_key_ix ON gidb.alias (resource_key);

CREATE TABLE gidb.member_queue (
    source_key bigint NOT NULL,
    member text NOT NULL,
    queue text NOT NULL,
    name text NOT NULL,
    PRIMARY KEY (source_key, member, queue)
);
COMMENT ON TABLE gidb.member_queue IS 'Which interface was ever seen in which queue';
COMMENT ON COLUMN gidb.member_queue.source_key IS 'Source';
COMMENT ON COLUMN gidb.member_queue.member IS 'Interface as the switch writes it';
COMMENT ON COLUMN gidb.member_queue.queue IS 'Queue';
COMMENT ON COLUMN gidb.member_queue.name IS 'The interface without options';
CREATE INDEX member_queue_name_ix ON gidb.member_queue (source_key, name);

CREATE TABLE gidb.interaction (
    source_key bigint NOT NULL,
    root_id text NOT NULL,
    interaction_id uuid NOT NULL,
    start_date_time_key bigint NOT NULL,
    last_date_time_key bigint NOT NULL,
    PRIMARY KEY (source_key, root_id)
);
COMMENT ON TABLE gidb.interaction IS 'Under which key each interaction stands in the facts, so that it is found when it changes';
COMMENT ON COLUMN gidb.interaction.source_key IS 'Source';
COMMENT ON COLUMN gidb.interaction.root_id IS 'Root call';
COMMENT ON COLUMN gidb.interaction.interaction_id IS 'Key of its interaction_fact row';
COMMENT ON COLUMN gidb.interaction.start_date_time_key IS 'Interval of its start';
COMMENT ON COLUMN gidb.interaction.last_date_time_key IS 'Latest interval in which one of its rows starts';

CREATE TABLE gidb.switch_boot (
    source_key bigint NOT NULL,
    boot_at timestamptz NOT NULL,
    last_heard_at timestamptz NOT NULL,
    PRIMARY KEY (source_key, boot_at)
);
COMMENT ON TABLE gidb.switch_boot IS 'Starts of the switch: what was open before one did not survive it';
COMMENT ON COLUMN gidb.switch_boot.source_key IS 'Source';
COMMENT ON COLUMN gidb.switch_boot.boot_at IS 'Start of the switch';
COMMENT ON COLUMN gidb.switch_boot.last_heard_at IS 'Latest event of the switch before that start';

CREATE TABLE gidb.open_channel (
    source_key bigint NOT NULL,
    channel_id text NOT NULL,
    linked_id text NOT NULL,
    PRIMARY KEY (source_key, channel_id)
);
COMMENT ON TABLE gidb.open_channel IS 'Channels without an end, so that a restart or a snapshot finds what it closes';
COMMENT ON COLUMN gidb.open_channel.source_key IS 'Source';
COMMENT ON COLUMN gidb.open_channel.channel_id IS 'Channel';
COMMENT ON COLUMN gidb.open_channel.linked_id IS 'Call';

CREATE TABLE gidb.touched_call (
    source_key bigint NOT NULL,
    linked_id text NOT NULL,
    batch bigint NOT NULL,
    PRIMARY KEY (source_key, linked_id)
);
COMMENT ON TABLE gidb.touched_call IS 'Calls with news since the last transformation';
COMMENT ON COLUMN gidb.touched_call.source_key IS 'Source';
COMMENT ON COLUMN gidb.touched_call.linked_id IS 'Call';
COMMENT ON COLUMN gidb.touched_call.batch IS 'Extraction that brought the news';

CREATE TABLE gidb.touched_resource (
    resource_key bigint PRIMARY KEY,
    from_at timestamptz NOT NULL,
    batch bigint NOT NULL
);
COMMENT ON TABLE gidb.touched_resource IS 'Agents with news since the last transformation';
COMMENT ON COLUMN gidb.touched_resource.resource_key IS 'Agent';
COMMENT ON COLUMN gidb.touched_resource.from_at IS 'Earliest news';
COMMENT ON COLUMN gidb.touched_resource.batch IS 'Extraction that brought the news';

INSERT INTO ops.partition_rule VALUES ('gidb', 'event', 'timestamptz', 7) ON CONFLICT DO NOTHING;
