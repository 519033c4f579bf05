-- The dimensional model: dimensions with their fixed members, and the facts.

CREATE TABLE mart.tenant (
    tenant_key integer PRIMARY KEY,
    tenant_name text NOT NULL
);
COMMENT ON TABLE mart.tenant IS 'Tenants';
COMMENT ON COLUMN mart.tenant.tenant_key IS 'Key; -1 unknown, -2 no value';
COMMENT ON COLUMN mart.tenant.tenant_name IS 'Name';
INSERT INTO mart.tenant VALUES (-1, 'UNKNOWN'), (-2, 'NO_VALUE'), (1, 'Resources');

CREATE TABLE mart.media_type (
    media_type_key integer PRIMARY KEY,
    media_name_code text NOT NULL UNIQUE,
    media_name text NOT NULL,
    is_online boolean NOT NULL
);
COMMENT ON TABLE mart.media_type IS 'Kinds of media';
COMMENT ON COLUMN mart.media_type.media_type_key IS 'Key; -1 unknown, -2 no value';
COMMENT ON COLUMN mart.media_type.media_name_code IS 'Code';
COMMENT ON COLUMN mart.media_type.media_name IS 'Name';
COMMENT ON COLUMN mart.media_type.is_online IS 'Whether both sides are present at the same time';
INSERT INTO mart.media_type VALUES
    (-1, 'UNKNOWN', 'Unknown', false), (-2, 'NO_VALUE', 'No value', false), (1, 'VOICE', 'Voice', true);

CREATE TABLE mart.interaction_type (
    interaction_type_key integer PRIMARY KEY,
    interaction_type_code text NOT NULL,
    interaction_type text NOT NULL,
    interaction_subtype_code text NOT NULL,
    interaction_subtype text NOT NULL
);
COMMENT ON TABLE mart.interaction_type IS 'Directions of an interaction';
COMMENT ON COLUMN mart.interaction_type.interaction_type_key IS 'Key; -1 unknown, -2 no value';
COMMENT ON COLUMN mart.interaction_type.interaction_type_code IS 'Code';
COMMENT ON COLUMN mart.interaction_type.interaction_type IS 'Name';
COMMENT ON COLUMN mart.interaction_type.interaction_subtype_code IS 'Code of the subtype';
COMMENT ON COLUMN mart.interaction_type.interaction_subtype IS 'Name of the subtype';
INSERT INTO mart.interaction_type VALUES
    (-1, 'UNKNOWN', 'Unknown', 'UNKNOWN', 'Unknown'), (-2, 'NO_VALUE', 'No value', 'NO_VALUE', 'No value'),
    (1, 'INBOUND', 'Inbound', 'UNSPECIFIED', 'Unspecified'),
    (2, 'OUTBOUND', 'Outbound', 'UNSPECIFIED', 'Unspecified'),
    (3, 'INTERNAL', 'Internal', 'UNSPECIFIED', 'Unspecified');

CREATE TABLE mart.technical_descriptor (
    technical_descriptor_key integer PRIMARY KEY,
    technical_result text NOT NULL,
    result_reason text NOT NULL,
    resource_role text NOT NULL,
    role_reason text NOT NULL,
    UNIQUE (technical_result, result_reason, resource_role, role_reason)
);
COMMENT ON TABLE mart.technical_descriptor IS 'How a resource took part and what came of it; every combination that the rules can give';
COMMENT ON COLUMN mart.technical_descriptor.technical_descriptor_key IS 'Key; -1 unknown, -2 no value';
COMMENT ON COLUMN mart.technical_descriptor.technical_result IS 'Outcome for the resource';
COMMENT ON COLUMN mart.technical_descriptor.result_reason IS 'Why';
COMMENT ON COLUMN mart.technical_descriptor.resource_role IS 'How the resource came into the interaction';
COMMENT ON COLUMN mart.technical_descriptor.role_reason IS 'Why it has that role';
INSERT INTO mart.technical_descriptor VALUES
    (-1, 'Unknown', 'Unknown', 'Unknown', 'Unknown'), (-2, 'None', 'None', 'None', 'None');
INSERT INTO mart.technical_descriptor
SELECT row_number() OVER (ORDER BY result.rank, reason, role.rank, role_reason), result.name, reason, role.name, role_reason
FROM (VALUES
    (1, 'Completed', ARRAY['Unspecified', 'AnsweredByAgent']),
    (2, 'Transferred', ARRAY['Unspecified', 'AnsweredByAgent']),
    (3, 'Conferenced', ARRAY['Unspecified', 'AnsweredByAgent']),
    (4, 'CustomerAbandoned', ARRAY['Unspecified', 'AbandonedWhileQueued', 'AbandonedWhileRinging', 'AbandonedFromHold']),
    (5, 'Abandoned', ARRAY['Unspecified', 'AbandonedWhileQueued', 'AbandonedWhileRinging', 'AbandonedFromHold']),
    (6, 'Redirected', ARRAY['Unspecified', 'RoutedOnNoAnswer', 'Rejected']),
    (7, 'Diverted', ARRAY['Unspecified', 'AnsweredByAgent', 'AnsweredByOther', 'AbandonedWhileRinging', 'RoutedOnNoAnswer', 'Rejected',
        'TimedOut', 'ExitedByKey', 'LeftEmpty', 'JoinRefusedEmpty', 'JoinRefusedFull', 'RoutedToOther']),
    (8, 'DestinationBusy', ARRAY['Unspecified', 'Rejected']),
    (9, 'Cleared', ARRAY['Unspecified']),
    (10, 'Incomplete', ARRAY['Unspecified']),
    (11, 'AbnormalStop', ARRAY['Unspecified', 'AbandonedWhileQueued', 'AbandonedWhileRinging', 'AnsweredByAgent'])
) AS result (rank, name, reasons)
CROSS JOIN unnest(result.reasons) AS reason
CROSS JOIN (VALUES
    (1, 'Received'), (2, 'ReceivedConsult'), (3, 'ReceivedTransfer'), (4, 'Initiated'), (5, 'InitiatedConsult'), (6, 'InConference'),
    (7, 'RoutedTo'), (8, 'DivertedTo')
) AS role (rank, name)
CROSS JOIN unnest(ARRAY['Unspecified', 'ConferenceInitiator', 'ConferenceJoined']) AS role_reason
WHERE role_reason = 'Unspecified' OR role.name = 'InConference';

CREATE TABLE mart.resource_state (
    resource_state_key integer PRIMARY KEY,
    state_type_code text NOT NULL,
    state_type text NOT NULL,
    state_name_code text NOT NULL UNIQUE,
    state_name text NOT NULL
);
COMMENT ON TABLE mart.resource_state IS 'States of an agent';
COMMENT ON COLUMN mart.resource_state.resource_state_key IS 'Key; -1 unknown, -2 no value';
COMMENT ON COLUMN mart.resource_state.state_type_code IS 'Code of the state over all media';
COMMENT ON COLUMN mart.resource_state.state_type IS 'Name of the state over all media';
COMMENT ON COLUMN mart.resource_state.state_name_code IS 'Code of the state in a medium';
COMMENT ON COLUMN mart.resource_state.state_name IS 'Name of the state in a medium';
INSERT INTO mart.resource_state VALUES
    (-1, 'UNKNOWN', 'Unknown', 'UNKNOWN', 'Unknown'), (-2, 'NO_VALUE', 'No value', 'NO_VALUE', 'No value'),
    (1, 'LOGGED_ON_ONLY', 'LoggedOnOnly', 'LOGGED_ON_ONLY', 'LoggedOnOnly'), (2, 'READY', 'Ready', 'READY', 'Ready'),
    (3, 'NOT_READY', 'NotReady', 'NOT_READY', 'NotReady'), (4, 'AFTER_CALL_WORK', 'AfterCallWork', 'AFTER_CALL_WORK', 'AfterCallWork'),
    (5, 'BUSY', 'Busy', 'BUSY', 'Busy');

CREATE TABLE mart.interaction_resource_state (
    interaction_resource_state_key integer PRIMARY KEY,
    state_name_code text NOT NULL,
    state_name text NOT NULL,
    state_role_code text NOT NULL,
    state_role text NOT NULL
);
COMMENT ON TABLE mart.interaction_resource_state IS 'States of an agent inside an interaction';
COMMENT ON COLUMN mart.interaction_resource_state.interaction_resource_state_key IS 'Key; -1 unknown, -2 no value';
COMMENT ON COLUMN mart.interaction_resource_state.state_name_code IS 'Code of the state';
COMMENT ON COLUMN mart.interaction_resource_state.state_name IS 'Name of the state';
COMMENT ON COLUMN mart.interaction_resource_state.state_role_code IS 'Code of the role';
COMMENT ON COLUMN mart.interaction_resource_state.state_role IS 'Role in which the agent is in that state';
INSERT INTO mart.interaction_resource_state VALUES
    (-1, 'UNKNOWN', 'Unknown', 'UNKNOWN', 'Unknown'), (-2, 'NO_VALUE', 'No value', 'NO_VALUE', 'No value'),
    (1, 'RING', 'Ringing', 'RECEIVER', 'Receiver'), (2, 'DIAL', 'Initiate', 'INITIATOR', 'Initiator'),
    (3, 'TALK', 'Talking', 'RECEIVER', 'Receiver'), (4, 'TALK', 'Talking', 'INITIATOR', 'Initiator'),
    (5, 'HOLD', 'Hold', 'RECEIVER', 'Receiver'), (6, 'HOLD', 'Hold', 'INITIATOR', 'Initiator'),
    (7, 'WRAP', 'Wrap', 'RECEIVER', 'Receiver'), (8, 'WRAP', 'Wrap', 'INITIATOR', 'Initiator');

CREATE TABLE mart.resource_state_reason (
    resource_state_reason_key bigint PRIMARY KEY,
    reason_type text NOT NULL,
    software_reason text NOT NULL
);
COMMENT ON TABLE mart.resource_state_reason IS 'Reasons of a state, found in the events';
COMMENT ON COLUMN mart.resource_state_reason.resource_state_reason_key IS 'mart.dimension_key of the reason; -1 unknown, -2 no value';
COMMENT ON COLUMN mart.resource_state_reason.reason_type IS 'SOFTWARE: given with the request; SWITCH: set by the switch itself';
COMMENT ON COLUMN mart.resource_state_reason.software_reason IS 'Text of the reason';
INSERT INTO mart.resource_state_reason VALUES (-1, 'UNKNOWN', 'UNKNOWN'), (-2, 'NO_VALUE', 'NO_VALUE');

CREATE TABLE mart.resource_ (
    resource_key bigint PRIMARY KEY,
    tenant_key integer NOT NULL,
    resource_type_code text NOT NULL,
    source_key bigint NOT NULL,
    natural_name text NOT NULL,
    resource_name text NOT NULL,
    employee_id text,
    first_seen_at timestamptz NOT NULL,
    gmt_end_at timestamptz
);
COMMENT ON TABLE mart.resource_ IS 'Agents, queues and other numbers, found in the events';
COMMENT ON COLUMN mart.resource_.resource_key IS 'mart.dimension_key of type, source and natural name; -1 unknown, -2 no value';
COMMENT ON COLUMN mart.resource_.tenant_key IS 'Tenant';
COMMENT ON COLUMN mart.resource_.resource_type_code IS 'AGENT, QUEUE, ROUTINGPOINT, EXTERNAL';
COMMENT ON COLUMN mart.resource_.source_key IS 'Source (the original''s switch)';
COMMENT ON COLUMN mart.resource_.natural_name IS 'Interface, queue or number by which the switch knows it';
COMMENT ON COLUMN mart.resource_.resource_name IS 'Latest name';
COMMENT ON COLUMN mart.resource_.employee_id IS 'Of an agent: the number in its interface';
COMMENT ON COLUMN mart.resource_.first_seen_at IS 'Earliest event that names it';
COMMENT ON COLUMN mart.resource_.gmt_end_at IS 'End of life, where it was removed';
INSERT INTO mart.resource_ VALUES
    (-1, -1, 'UNKNOWN', -1, 'UNKNOWN', 'UNKNOWN', NULL, 'epoch', NULL), (-2, -2, 'NONE', -2, 'NO_VALUE', 'NO_VALUE', NULL, 'epoch', NULL);

CREATE TABLE mart.resource_history (
    resource_key bigint NOT NULL,
    valid_from timestamptz NOT NULL,
    resource_name text NOT NULL,
    PRIMARY KEY (resource_key, valid_from)
);
COMMENT ON TABLE mart.resource_history IS 'Names of a resource over time';
COMMENT ON COLUMN mart.resource_history.resource_key IS 'Resource';
COMMENT ON COLUMN mart.resource_history.valid_from IS 'First event that gave this name';
COMMENT ON COLUMN mart.resource_history.resource_name IS 'Name';

CREATE TABLE mart.group_ (
    group_key bigint PRIMARY KEY,
    tenant_key integer NOT NULL,
    group_type_code text NOT NULL,
    source_key bigint NOT NULL,
    group_name text NOT NULL
);
COMMENT ON TABLE mart.group_ IS 'Groups of agents: those who may take calls of one queue';
COMMENT ON COLUMN mart.group_.group_key IS 'mart.dimension_key; -1 unknown, -2 no value';
COMMENT ON COLUMN mart.group_.tenant_key IS 'Tenant';
COMMENT ON COLUMN mart.group_.group_type_code IS 'AGENT';
COMMENT ON COLUMN mart.group_.source_key IS 'Source';
COMMENT ON COLUMN mart.group_.group_name IS 'Name: the queue''s';
INSERT INTO mart.group_ VALUES (-1, -1, 'UNKNOWN', -1, 'UNKNOWN'), (-2, -2, 'NO_VALUE', -2, 'NO_VALUE');

CREATE TABLE mart.resource_group_fact_ (
    tenant_key integer NOT NULL,
    start_date_time_key bigint NOT NULL,
    resource_group_fact_key uuid NOT NULL,
    resource_key bigint NOT NULL,
    group_key bigint NOT NULL,
    source_key bigint NOT NULL,
    start_at timestamptz NOT NULL,
    end_at timestamptz,
    active_flag smallint NOT NULL,
    create_audit_key bigint NOT NULL,
    update_audit_key bigint NOT NULL,
    PRIMARY KEY (tenant_key, start_date_time_key, resource_group_fact_key)
) PARTITION BY RANGE (start_date_time_key);
COMMENT ON TABLE mart.resource_group_fact_ IS 'Which agent belongs to which group';
COMMENT ON COLUMN mart.resource_group_fact_.tenant_key IS 'Tenant';
COMMENT ON COLUMN mart.resource_group_fact_.start_date_time_key IS 'Interval in which the membership began';
COMMENT ON COLUMN mart.resource_group_fact_.resource_group_fact_key IS 'Key';
COMMENT ON COLUMN mart.resource_group_fact_.resource_key IS 'Agent';
COMMENT ON COLUMN mart.resource_group_fact_.group_key IS 'Group';
COMMENT ON COLUMN mart.resource_group_fact_.source_key IS 'Source';
COMMENT ON COLUMN mart.resource_group_fact_.start_at IS 'Begin of the membership';
COMMENT ON COLUMN mart.resource_group_fact_.end_at IS 'End; NULL while it lasts';
COMMENT ON COLUMN mart.resource_group_fact_.active_flag IS '1 while it lasts';
COMMENT ON COLUMN mart.resource_group_fact_.create_audit_key IS 'Load that inserted the row';
COMMENT ON COLUMN mart.resource_group_fact_.update_audit_key IS 'Load that changed it last';
CREATE INDEX resource_group_fact_resource_key_ix ON mart.resource_group_fact_ (resource_key, start_date_time_key);

CREATE TABLE mart.date_time (
    date_time_key bigint PRIMARY KEY,
    date_time_30min_key bigint NOT NULL,
    date_time_hour_key bigint NOT NULL,
    date_time_day_key bigint NOT NULL,
    date_time_week_key bigint NOT NULL,
    date_time_month_key bigint NOT NULL,
    date_time_quarter_key bigint NOT NULL,
    date_time_year_key bigint NOT NULL,
    date_time_next_day_key bigint NOT NULL,
    cal_date timestamptz NOT NULL,
    label_yyyy text NOT NULL,
    label_yyyy_mm text NOT NULL,
    label_yyyy_mm_dd text NOT NULL,
    label_yyyy_mm_dd_hh24 text NOT NULL,
    label_yyyy_mm_dd_hh24_15int text NOT NULL,
    cal_day_num_in_week smallint NOT NULL,
    cal_day_name text NOT NULL,
    cal_month_num_in_year smallint NOT NULL,
    cal_month_name text NOT NULL,
    cal_quarter_num_in_year smallint NOT NULL,
    cal_hour_24_num_in_day smallint NOT NULL
);
COMMENT ON TABLE mart.date_time IS 'Intervals of 15 minutes, in UTC';
COMMENT ON COLUMN mart.date_time.date_time_key IS 'Epoch second at which the interval begins';
COMMENT ON COLUMN mart.date_time.date_time_30min_key IS 'Interval of 30 minutes';
COMMENT ON COLUMN mart.date_time.date_time_hour_key IS 'Hour';
COMMENT ON COLUMN mart.date_time.date_time_day_key IS 'Day';
COMMENT ON COLUMN mart.date_time.date_time_week_key IS 'Week, from Monday';
COMMENT ON COLUMN mart.date_time.date_time_month_key IS 'Month';
COMMENT ON COLUMN mart.date_time.date_time_quarter_key IS 'Quarter';
COMMENT ON COLUMN mart.date_time.date_time_year_key IS 'Year';
COMMENT ON COLUMN mart.date_time.date_time_next_day_key IS 'Day after';
COMMENT ON COLUMN mart.date_time.cal_date IS 'Begin of the interval';
COMMENT ON COLUMN mart.date_time.label_yyyy IS 'Year as text';
COMMENT ON COLUMN mart.date_time.label_yyyy_mm IS 'Year and month';
COMMENT ON COLUMN mart.date_time.label_yyyy_mm_dd IS 'Date';
COMMENT ON COLUMN mart.date_time.label_yyyy_mm_dd_hh24 IS 'Date and hour';
COMMENT ON COLUMN mart.date_time.label_yyyy_mm_dd_hh24_15int IS 'Date and interval';
COMMENT ON COLUMN mart.date_time.cal_day_num_in_week IS '1 Monday to 7 Sunday';
COMMENT ON COLUMN mart.date_time.cal_day_name IS 'Day of the week';
COMMENT ON COLUMN mart.date_time.cal_month_num_in_year IS 'Month';
COMMENT ON COLUMN mart.date_time.cal_month_name IS 'Month''s name';
COMMENT ON COLUMN mart.date_time.cal_quarter_num_in_year IS 'Quarter';
COMMENT ON COLUMN mart.date_time.cal_hour_24_num_in_day IS 'Hour, 0 to 23';

CREATE TABLE mart.interaction_fact (
    tenant_key integer NOT NULL,
    start_date_time_key bigint NOT NULL,
    interaction_id uuid NOT NULL,
    source_key bigint NOT NULL,
    media_type_key integer NOT NULL,
    interaction_type_key integer NOT NULL,
    media_server_root_ixn_guid text NOT NULL,
    call_count integer NOT NULL,
    source_address text,
    target_address text,
    status smallint NOT NULL,
    start_at timestamptz NOT NULL,
    end_at timestamptz,
    end_date_time_key bigint,
    duration_ms bigint,
    active_flag smallint NOT NULL,
    anchor_id uuid,
    anchor_date_time_key bigint,
    create_audit_key bigint NOT NULL,
    update_audit_key bigint NOT NULL,
    PRIMARY KEY (tenant_key, start_date_time_key, interaction_id)
) PARTITION BY RANGE (start_date_time_key);
COMMENT ON TABLE mart.interaction_fact IS 'One row an interaction: one experience of one customer, over queues, agents and transfers';
COMMENT ON COLUMN mart.interaction_fact.tenant_key IS 'Tenant';
COMMENT ON COLUMN mart.interaction_fact.start_date_time_key IS 'Interval of the start';
COMMENT ON COLUMN mart.interaction_fact.interaction_id IS 'Key: start and hash of source and root call';
COMMENT ON COLUMN mart.interaction_fact.source_key IS 'Source';
COMMENT ON COLUMN mart.interaction_fact.media_type_key IS 'Medium';
COMMENT ON COLUMN mart.interaction_fact.interaction_type_key IS 'Direction';
COMMENT ON COLUMN mart.interaction_fact.media_server_root_ixn_guid IS 'Root call: the smallest of the calls that make the interaction';
COMMENT ON COLUMN mart.interaction_fact.call_count IS 'Calls of the switch that make the interaction';
COMMENT ON COLUMN mart.interaction_fact.source_address IS 'Number of who called';
COMMENT ON COLUMN mart.interaction_fact.target_address IS 'Number that was called';
COMMENT ON COLUMN mart.interaction_fact.status IS '0 normal, 1 ended abnormally (the switch died), 2 discarded: nothing else is known';
COMMENT ON COLUMN mart.interaction_fact.start_at IS 'First event';
COMMENT ON COLUMN mart.interaction_fact.end_at IS 'End of the last channel; NULL while it lasts';
COMMENT ON COLUMN mart.interaction_fact.end_date_time_key IS 'Interval of the end';
COMMENT ON COLUMN mart.interaction_fact.duration_ms IS 'Start to end, milliseconds';
COMMENT ON COLUMN mart.interaction_fact.active_flag IS '1 while it lasts';
COMMENT ON COLUMN mart.interaction_fact.anchor_id IS 'First interaction resource that handled it';
COMMENT ON COLUMN mart.interaction_fact.anchor_date_time_key IS 'Interval of that row';
COMMENT ON COLUMN mart.interaction_fact.create_audit_key IS 'Load that inserted the row';
COMMENT ON COLUMN mart.interaction_fact.update_audit_key IS 'Load that changed it last';
CREATE INDEX interaction_fact_root_ix ON mart.interaction_fact (source_key, media_server_root_ixn_guid);

CREATE TABLE mart.interaction_resource_fact (
    tenant_key integer NOT NULL,
    start_date_time_key bigint NOT NULL,
    interaction_resource_id uuid NOT NULL,
    interaction_id uuid NOT NULL,
    interaction_date_time_key bigint NOT NULL,
    interaction_resource_ordinal integer NOT NULL,
    source_key bigint NOT NULL,
    media_type_key integer NOT NULL,
    interaction_type_key integer NOT NULL,
    resource_key bigint NOT NULL,
    resource_group_combination_key bigint NOT NULL,
    technical_descriptor_key integer NOT NULL,
    attempt_kind text NOT NULL,
    channel_id text NOT NULL,
    target_address text,
    mediation_segment_id uuid,
    mediation_date_time_key bigint,
    mediation_count integer NOT NULL,
    last_queue_resource_key bigint NOT NULL,
    received_from_ixn_resource_id uuid,
    irf_anchor smallint NOT NULL,
    stop_action smallint NOT NULL,
    transferred_flag smallint NOT NULL,
    start_at timestamptz NOT NULL,
    answered_at timestamptz,
    end_at timestamptz,
    end_date_time_key bigint,
    total_duration_ms bigint,
    dial_count smallint NOT NULL,
    dial_duration_ms bigint NOT NULL,
    ring_count smallint NOT NULL,
    ring_duration_ms bigint NOT NULL,
    talk_count smallint NOT NULL,
    talk_duration_ms bigint NOT NULL,
    hold_count smallint NOT NULL,
    hold_duration_ms bigint NOT NULL,
    after_call_work_count smallint NOT NULL,
    after_call_work_duration_ms bigint NOT NULL,
    customer_dial_count smallint NOT NULL,
    customer_dial_duration_ms bigint NOT NULL,
    customer_ring_count smallint NOT NULL,
    customer_ring_duration_ms bigint NOT NULL,
    customer_talk_count smallint NOT NULL,
    customer_talk_duration_ms bigint NOT NULL,
    customer_hold_count smallint NOT NULL,
    customer_hold_duration_ms bigint NOT NULL,
    customer_acw_count smallint NOT NULL,
    customer_acw_duration_ms bigint NOT NULL,
    customer_handle_count smallint NOT NULL,
    post_cons_xfer_ring_count smallint NOT NULL,
    post_cons_xfer_ring_duration_ms bigint NOT NULL,
    post_cons_xfer_talk_count smallint NOT NULL,
    post_cons_xfer_talk_duration_ms bigint NOT NULL,
    post_cons_xfer_hold_count smallint NOT NULL,
    post_cons_xfer_hold_duration_ms bigint NOT NULL,
    conf_init_talk_count smallint NOT NULL,
    conf_init_talk_duration_ms bigint NOT NULL,
    conf_init_hold_count smallint NOT NULL,
    conf_init_hold_duration_ms bigint NOT NULL,
    conference_initiated_count smallint NOT NULL,
    conf_join_ring_count smallint NOT NULL,
    conf_join_ring_duration_ms bigint NOT NULL,
    conf_join_talk_count smallint NOT NULL,
    conf_join_talk_duration_ms bigint NOT NULL,
    conf_join_hold_count smallint NOT NULL,
    conf_join_hold_duration_ms bigint NOT NULL,
    cons_init_dial_count smallint NOT NULL,
    cons_init_dial_duration_ms bigint NOT NULL,
    cons_init_talk_count smallint NOT NULL,
    cons_init_talk_duration_ms bigint NOT NULL,
    cons_init_hold_count smallint NOT NULL,
    cons_init_hold_duration_ms bigint NOT NULL,
    cons_rcv_ring_count smallint NOT NULL,
    cons_rcv_ring_duration_ms bigint NOT NULL,
    cons_rcv_talk_count smallint NOT NULL,
    cons_rcv_talk_duration_ms bigint NOT NULL,
    cons_rcv_hold_count smallint NOT NULL,
    cons_rcv_hold_duration_ms bigint NOT NULL,
    cons_rcv_acw_count smallint NOT NULL,
    cons_rcv_acw_duration_ms bigint NOT NULL,
    agent_to_agent_cons_count smallint NOT NULL,
    agent_to_agent_cons_duration_ms bigint NOT NULL,
    mediation_duration_ms bigint NOT NULL,
    queue_duration_ms bigint NOT NULL,
    routing_point_duration_ms bigint NOT NULL,
    met_service_objective_flag smallint,
    short_abandoned_flag smallint NOT NULL,
    active_flag smallint NOT NULL,
    create_audit_key bigint NOT NULL,
    update_audit_key bigint NOT NULL,
    PRIMARY KEY (tenant_key, start_date_time_key, interaction_resource_id)
) PARTITION BY RANGE (start_date_time_key);
COMMENT ON TABLE mart.interaction_resource_fact IS 'One row a resource''s contiguous part in an interaction, attempts that found no answer included';
COMMENT ON COLUMN mart.interaction_resource_fact.tenant_key IS 'Tenant';
COMMENT ON COLUMN mart.interaction_resource_fact.start_date_time_key IS 'Interval of the start';
COMMENT ON COLUMN mart.interaction_resource_fact.interaction_resource_id IS 'Key: start and hash of source and channel';
COMMENT ON COLUMN mart.interaction_resource_fact.interaction_id IS 'Interaction';
COMMENT ON COLUMN mart.interaction_resource_fact.interaction_date_time_key IS 'Interval of the interaction''s start';
COMMENT ON COLUMN mart.interaction_resource_fact.interaction_resource_ordinal IS 'Place in the interaction, from 1';
COMMENT ON COLUMN mart.interaction_resource_fact.source_key IS 'Source';
COMMENT ON COLUMN mart.interaction_resource_fact.media_type_key IS 'Medium';
COMMENT ON COLUMN mart.interaction_resource_fact.interaction_type_key IS 'Direction';
COMMENT ON COLUMN mart.interaction_resource_fact.resource_key IS 'Resource';
COMMENT ON COLUMN mart.interaction_resource_fact.resource_group_combination_key IS 'Groups of the resource; -2 none';
COMMENT ON COLUMN mart.interaction_resource_fact.technical_descriptor_key IS 'Role and outcome';
COMMENT ON COLUMN mart.interaction_resource_fact.attempt_kind IS 'queue, consult_queue, direct, consult, internal (received); outbound, internal_out, consult_out (placed); external; mediation (ended in a queue or before one)';
COMMENT ON COLUMN mart.interaction_resource_fact.channel_id IS 'The resource''s channel';
COMMENT ON COLUMN mart.interaction_resource_fact.target_address IS 'Number dialled';
COMMENT ON COLUMN mart.interaction_resource_fact.mediation_segment_id IS 'Queue visit that led to it';
COMMENT ON COLUMN mart.interaction_resource_fact.mediation_date_time_key IS 'Interval of that visit';
COMMENT ON COLUMN mart.interaction_resource_fact.mediation_count IS 'Queue visits up to it since the last resource';
COMMENT ON COLUMN mart.interaction_resource_fact.last_queue_resource_key IS 'Queue that led to it; -2 none';
COMMENT ON COLUMN mart.interaction_resource_fact.received_from_ixn_resource_id IS 'Resource that transferred or consulted';
COMMENT ON COLUMN mart.interaction_resource_fact.irf_anchor IS '1 for the first that handled the customer in the interaction';
COMMENT ON COLUMN mart.interaction_resource_fact.stop_action IS 'Who ended: 1 the resource, 0 another, -1 not known';
COMMENT ON COLUMN mart.interaction_resource_fact.transferred_flag IS '1 when the resource completed a transfer';
COMMENT ON COLUMN mart.interaction_resource_fact.start_at IS 'Begin of ringing or dialling';
COMMENT ON COLUMN mart.interaction_resource_fact.answered_at IS 'Answer';
COMMENT ON COLUMN mart.interaction_resource_fact.end_at IS 'The resource''s phone left; NULL while it lasts';
COMMENT ON COLUMN mart.interaction_resource_fact.end_date_time_key IS 'Interval of the end';
COMMENT ON COLUMN mart.interaction_resource_fact.total_duration_ms IS 'Start to end, after-call work not included';
COMMENT ON COLUMN mart.interaction_resource_fact.dial_count IS 'Calls placed';
COMMENT ON COLUMN mart.interaction_resource_fact.dial_duration_ms IS 'Dialling, no customer';
COMMENT ON COLUMN mart.interaction_resource_fact.ring_count IS 'Rings';
COMMENT ON COLUMN mart.interaction_resource_fact.ring_duration_ms IS 'Ringing, no customer';
COMMENT ON COLUMN mart.interaction_resource_fact.talk_count IS 'Talks';
COMMENT ON COLUMN mart.interaction_resource_fact.talk_duration_ms IS 'Talking without hold, no customer';
COMMENT ON COLUMN mart.interaction_resource_fact.hold_count IS 'Holds';
COMMENT ON COLUMN mart.interaction_resource_fact.hold_duration_ms IS 'Hold, no customer';
COMMENT ON COLUMN mart.interaction_resource_fact.after_call_work_count IS 'After-call work, no customer';
COMMENT ON COLUMN mart.interaction_resource_fact.after_call_work_duration_ms IS 'After-call work, no customer';
COMMENT ON COLUMN mart.interaction_resource_fact.customer_dial_count IS 'Calls placed to a customer';
COMMENT ON COLUMN mart.interaction_resource_fact.customer_dial_duration_ms IS 'Dialling a customer';
COMMENT ON COLUMN mart.interaction_resource_fact.customer_ring_count IS 'Rings with a customer waiting';
COMMENT ON COLUMN mart.interaction_resource_fact.customer_ring_duration_ms IS 'Ringing with a customer waiting';
COMMENT ON COLUMN mart.interaction_resource_fact.customer_talk_count IS 'Talks with a customer';
COMMENT ON COLUMN mart.interaction_resource_fact.customer_talk_duration_ms IS 'Talking with a customer, without hold';
COMMENT ON COLUMN mart.interaction_resource_fact.customer_hold_count IS 'Times that the customer was held';
COMMENT ON COLUMN mart.interaction_resource_fact.customer_hold_duration_ms IS 'The customer held, waits during consultations included';
COMMENT ON COLUMN mart.interaction_resource_fact.customer_acw_count IS 'After-call work after a customer';
COMMENT ON COLUMN mart.interaction_resource_fact.customer_acw_duration_ms IS 'After-call work after a customer';
COMMENT ON COLUMN mart.interaction_resource_fact.customer_handle_count IS '1 when a customer was accepted';
COMMENT ON COLUMN mart.interaction_resource_fact.post_cons_xfer_ring_count IS 'Rings after a consultation became a transfer';
COMMENT ON COLUMN mart.interaction_resource_fact.post_cons_xfer_ring_duration_ms IS 'Ringing after it';
COMMENT ON COLUMN mart.interaction_resource_fact.post_cons_xfer_talk_count IS 'Talks after it';
COMMENT ON COLUMN mart.interaction_resource_fact.post_cons_xfer_talk_duration_ms IS 'Talking after it';
COMMENT ON COLUMN mart.interaction_resource_fact.post_cons_xfer_hold_count IS 'Holds after it';
COMMENT ON COLUMN mart.interaction_resource_fact.post_cons_xfer_hold_duration_ms IS 'Hold after it';
COMMENT ON COLUMN mart.interaction_resource_fact.conf_init_talk_count IS 'Talks in a conference that the resource began';
COMMENT ON COLUMN mart.interaction_resource_fact.conf_init_talk_duration_ms IS 'Talking there';
COMMENT ON COLUMN mart.interaction_resource_fact.conf_init_hold_count IS 'Holds there';
COMMENT ON COLUMN mart.interaction_resource_fact.conf_init_hold_duration_ms IS 'Hold there';
COMMENT ON COLUMN mart.interaction_resource_fact.conference_initiated_count IS 'Conferences begun';
COMMENT ON COLUMN mart.interaction_resource_fact.conf_join_ring_count IS 'Rings before joining a conference';
COMMENT ON COLUMN mart.interaction_resource_fact.conf_join_ring_duration_ms IS 'Ringing before joining';
COMMENT ON COLUMN mart.interaction_resource_fact.conf_join_talk_count IS 'Talks in a conference joined';
COMMENT ON COLUMN mart.interaction_resource_fact.conf_join_talk_duration_ms IS 'Talking there';
COMMENT ON COLUMN mart.interaction_resource_fact.conf_join_hold_count IS 'Holds there';
COMMENT ON COLUMN mart.interaction_resource_fact.conf_join_hold_duration_ms IS 'Hold there';
COMMENT ON COLUMN mart.interaction_resource_fact.cons_init_dial_count IS 'Consultations placed';
COMMENT ON COLUMN mart.interaction_resource_fact.cons_init_dial_duration_ms IS 'Dialling them';
COMMENT ON COLUMN mart.interaction_resource_fact.cons_init_talk_count IS 'Consultations answered';
COMMENT ON COLUMN mart.interaction_resource_fact.cons_init_talk_duration_ms IS 'Talking in them';
COMMENT ON COLUMN mart.interaction_resource_fact.cons_init_hold_count IS 'Holds in them';
COMMENT ON COLUMN mart.interaction_resource_fact.cons_init_hold_duration_ms IS 'Hold in them';
COMMENT ON COLUMN mart.interaction_resource_fact.cons_rcv_ring_count IS 'Rings of consultations';
COMMENT ON COLUMN mart.interaction_resource_fact.cons_rcv_ring_duration_ms IS 'Ringing of them';
COMMENT ON COLUMN mart.interaction_resource_fact.cons_rcv_talk_count IS 'Consultations given';
COMMENT ON COLUMN mart.interaction_resource_fact.cons_rcv_talk_duration_ms IS 'Talking in them';
COMMENT ON COLUMN mart.interaction_resource_fact.cons_rcv_hold_count IS 'Holds in them';
COMMENT ON COLUMN mart.interaction_resource_fact.cons_rcv_hold_duration_ms IS 'Hold in them';
COMMENT ON COLUMN mart.interaction_resource_fact.cons_rcv_acw_count IS 'After-call work after them';
COMMENT ON COLUMN mart.interaction_resource_fact.cons_rcv_acw_duration_ms IS 'After-call work after them';
COMMENT ON COLUMN mart.interaction_resource_fact.agent_to_agent_cons_count IS 'Consultations placed to an agent and answered';
COMMENT ON COLUMN mart.interaction_resource_fact.agent_to_agent_cons_duration_ms IS 'Their talk and hold';
COMMENT ON COLUMN mart.interaction_resource_fact.mediation_duration_ms IS 'Waiting since the arrival or the last resource';
COMMENT ON COLUMN mart.interaction_resource_fact.queue_duration_ms IS 'Of it, in queues';
COMMENT ON COLUMN mart.interaction_resource_fact.routing_point_duration_ms IS 'Of it, before and between queues';
COMMENT ON COLUMN mart.interaction_resource_fact.met_service_objective_flag IS '1 answered within the queue''s service level, 0 later, NULL no queue or no service level';
COMMENT ON COLUMN mart.interaction_resource_fact.short_abandoned_flag IS '1 for an abandon within the short limit';
COMMENT ON COLUMN mart.interaction_resource_fact.active_flag IS '1 while it lasts';
COMMENT ON COLUMN mart.interaction_resource_fact.create_audit_key IS 'Load that inserted the row';
COMMENT ON COLUMN mart.interaction_resource_fact.update_audit_key IS 'Load that changed it last';
CREATE INDEX interaction_resource_fact_interaction_id_ix ON mart.interaction_resource_fact (interaction_id);
CREATE INDEX interaction_resource_fact_resource_key_ix ON mart.interaction_resource_fact (resource_key, start_at);

CREATE TABLE mart.mediation_segment_fact (
    tenant_key integer NOT NULL,
    start_date_time_key bigint NOT NULL,
    mediation_segment_id uuid NOT NULL,
    interaction_id uuid NOT NULL,
    interaction_date_time_key bigint NOT NULL,
    source_key bigint NOT NULL,
    media_type_key integer NOT NULL,
    interaction_type_key integer NOT NULL,
    resource_key bigint NOT NULL,
    resource_group_combination_key bigint NOT NULL,
    technical_descriptor_key integer NOT NULL,
    ixn_resource_id uuid,
    target_ixn_resource_id uuid,
    target_ixn_resource_sdt_key bigint,
    channel_id text NOT NULL,
    entry_ordinal integer NOT NULL,
    result text NOT NULL,
    entered_by text NOT NULL,
    position integer,
    offer_count integer NOT NULL,
    start_at timestamptz NOT NULL,
    end_at timestamptz,
    end_date_time_key bigint,
    total_duration_ms bigint,
    met_threshold_flag smallint,
    short_abandoned_flag smallint NOT NULL,
    stop_action smallint NOT NULL,
    active_flag smallint NOT NULL,
    create_audit_key bigint NOT NULL,
    update_audit_key bigint NOT NULL,
    PRIMARY KEY (tenant_key, start_date_time_key, mediation_segment_id)
) PARTITION BY RANGE (start_date_time_key);
COMMENT ON TABLE mart.mediation_segment_fact IS 'One row a visit of a caller to a queue, refused tries included';
COMMENT ON COLUMN mart.mediation_segment_fact.tenant_key IS 'Tenant';
COMMENT ON COLUMN mart.mediation_segment_fact.start_date_time_key IS 'Interval of the entry';
COMMENT ON COLUMN mart.mediation_segment_fact.mediation_segment_id IS 'Key: entry and hash of source, channel, queue and number of the visit';
COMMENT ON COLUMN mart.mediation_segment_fact.interaction_id IS 'Interaction';
COMMENT ON COLUMN mart.mediation_segment_fact.interaction_date_time_key IS 'Interval of the interaction''s start';
COMMENT ON COLUMN mart.mediation_segment_fact.source_key IS 'Source';
COMMENT ON COLUMN mart.mediation_segment_fact.media_type_key IS 'Medium';
COMMENT ON COLUMN mart.mediation_segment_fact.interaction_type_key IS 'Direction';
COMMENT ON COLUMN mart.mediation_segment_fact.resource_key IS 'Queue';
COMMENT ON COLUMN mart.mediation_segment_fact.resource_group_combination_key IS 'Groups of the queue; -2 none';
COMMENT ON COLUMN mart.mediation_segment_fact.technical_descriptor_key IS 'Role and outcome';
COMMENT ON COLUMN mart.mediation_segment_fact.ixn_resource_id IS 'Resource that placed the call into the queue (a consultation)';
COMMENT ON COLUMN mart.mediation_segment_fact.target_ixn_resource_id IS 'Resource that answered';
COMMENT ON COLUMN mart.mediation_segment_fact.target_ixn_resource_sdt_key IS 'Interval of that row';
COMMENT ON COLUMN mart.mediation_segment_fact.channel_id IS 'The caller''s channel';
COMMENT ON COLUMN mart.mediation_segment_fact.entry_ordinal IS 'Which visit of this channel to this queue, from 1';
COMMENT ON COLUMN mart.mediation_segment_fact.result IS 'answered, abandoned, timeout, exitkey, leaveempty, joinempty, full, transferred, unknown; waiting while it lasts';
COMMENT ON COLUMN mart.mediation_segment_fact.entered_by IS 'arrival, overflow, transfer, consult';
COMMENT ON COLUMN mart.mediation_segment_fact.position IS 'Place in the queue at the entry';
COMMENT ON COLUMN mart.mediation_segment_fact.offer_count IS 'Times that an agent was rung';
COMMENT ON COLUMN mart.mediation_segment_fact.start_at IS 'Entry';
COMMENT ON COLUMN mart.mediation_segment_fact.end_at IS 'Answer or leaving; NULL while waiting';
COMMENT ON COLUMN mart.mediation_segment_fact.end_date_time_key IS 'Interval of the end';
COMMENT ON COLUMN mart.mediation_segment_fact.total_duration_ms IS 'Wait, milliseconds';
COMMENT ON COLUMN mart.mediation_segment_fact.met_threshold_flag IS '1 answered within the queue''s service level, 0 later, NULL not answered or no service level';
COMMENT ON COLUMN mart.mediation_segment_fact.short_abandoned_flag IS '1 for an abandon within the short limit';
COMMENT ON COLUMN mart.mediation_segment_fact.stop_action IS 'Who ended: 1 the caller, 0 another, -1 not known';
COMMENT ON COLUMN mart.mediation_segment_fact.active_flag IS '1 while it lasts';
COMMENT ON COLUMN mart.mediation_segment_fact.create_audit_key IS 'Load that inserted the row';
COMMENT ON COLUMN mart.mediation_segment_fact.update_audit_key IS 'Load that changed it last';
CREATE INDEX mediation_segment_fact_interaction_id_ix ON mart.mediation_segment_fact (interaction_id);

CREATE TABLE mart.ixn_resource_state_fact (
    tenant_key integer NOT NULL,
    start_date_time_key bigint NOT NULL,
    ixn_resource_state_fact_key uuid NOT NULL,
    interaction_id uuid NOT NULL,
    interaction_resource_id uuid NOT NULL,
    interaction_resource_sdt_key bigint NOT NULL,
    source_key bigint NOT NULL,
    media_type_key integer NOT NULL,
    interaction_type_key integer NOT NULL,
    resource_key bigint NOT NULL,
    interaction_resource_state_key integer NOT NULL,
    target_address text,
    start_at timestamptz NOT NULL,
    end_at timestamptz,
    end_date_time_key bigint,
    total_duration_ms bigint,
    active_flag smallint NOT NULL,
    create_audit_key bigint NOT NULL,
    update_audit_key bigint NOT NULL,
    PRIMARY KEY (tenant_key, start_date_time_key, ixn_resource_state_fact_key)
) PARTITION BY RANGE (start_date_time_key);
COMMENT ON TABLE mart.ixn_resource_state_fact IS 'States of a resource inside an interaction; they tile its part in it';
COMMENT ON COLUMN mart.ixn_resource_state_fact.tenant_key IS 'Tenant';
COMMENT ON COLUMN mart.ixn_resource_state_fact.start_date_time_key IS 'Interval of the start';
COMMENT ON COLUMN mart.ixn_resource_state_fact.ixn_resource_state_fact_key IS 'Key';
COMMENT ON COLUMN mart.ixn_resource_state_fact.interaction_id IS 'Interaction';
COMMENT ON COLUMN mart.ixn_resource_state_fact.interaction_resource_id IS 'Interaction resource';
COMMENT ON COLUMN mart.ixn_resource_state_fact.interaction_resource_sdt_key IS 'Interval of that row';
COMMENT ON COLUMN mart.ixn_resource_state_fact.source_key IS 'Source';
COMMENT ON COLUMN mart.ixn_resource_state_fact.media_type_key IS 'Medium';
COMMENT ON COLUMN mart.ixn_resource_state_fact.interaction_type_key IS 'Direction';
COMMENT ON COLUMN mart.ixn_resource_state_fact.resource_key IS 'Resource';
COMMENT ON COLUMN mart.ixn_resource_state_fact.interaction_resource_state_key IS 'State';
COMMENT ON COLUMN mart.ixn_resource_state_fact.target_address IS 'Number dialled';
COMMENT ON COLUMN mart.ixn_resource_state_fact.start_at IS 'Begin';
COMMENT ON COLUMN mart.ixn_resource_state_fact.end_at IS 'End; NULL while it lasts';
COMMENT ON COLUMN mart.ixn_resource_state_fact.end_date_time_key IS 'Interval of the end';
COMMENT ON COLUMN mart.ixn_resource_state_fact.total_duration_ms IS 'Milliseconds';
COMMENT ON COLUMN mart.ixn_resource_state_fact.active_flag IS '1 while it lasts';
COMMENT ON COLUMN mart.ixn_resource_state_fact.create_audit_key IS 'Load that inserted the row';
COMMENT ON COLUMN mart.ixn_resource_state_fact.update_audit_key IS 'Load that changed it last';
CREATE INDEX ixn_resource_state_fact_interaction_id_ix ON mart.ixn_resource_state_fact (interaction_id);

CREATE TABLE mart.sm_res_session_fact (
    tenant_key integer NOT NULL,
    start_date_time_key bigint NOT NULL,
    sm_res_session_fact_key uuid NOT NULL,
    source_key bigint NOT NULL,
    media_type_key integer NOT NULL,
    resource_key bigint NOT NULL,
    resource_group_combination_key bigint NOT NULL,
    start_at timestamptz NOT NULL,
    end_at timestamptz,
    end_date_time_key bigint,
    total_duration_ms bigint,
    abnormal_flag smallint NOT NULL,
    active_flag smallint NOT NULL,
    create_audit_key bigint NOT NULL,
    update_audit_key bigint NOT NULL,
    PRIMARY KEY (tenant_key, start_date_time_key, sm_res_session_fact_key)
) PARTITION BY RANGE (start_date_time_key);
COMMENT ON TABLE mart.sm_res_session_fact IS 'One row a login session of an agent: from the first queue to the last';
COMMENT ON COLUMN mart.sm_res_session_fact.tenant_key IS 'Tenant';
COMMENT ON COLUMN mart.sm_res_session_fact.start_date_time_key IS 'Interval of the start';
COMMENT ON COLUMN mart.sm_res_session_fact.sm_res_session_fact_key IS 'Key: start and hash of the agent';
COMMENT ON COLUMN mart.sm_res_session_fact.source_key IS 'Source';
COMMENT ON COLUMN mart.sm_res_session_fact.media_type_key IS 'Medium';
COMMENT ON COLUMN mart.sm_res_session_fact.resource_key IS 'Agent';
COMMENT ON COLUMN mart.sm_res_session_fact.resource_group_combination_key IS 'Groups; -2 none';
COMMENT ON COLUMN mart.sm_res_session_fact.start_at IS 'Login';
COMMENT ON COLUMN mart.sm_res_session_fact.end_at IS 'Logout; NULL while it lasts';
COMMENT ON COLUMN mart.sm_res_session_fact.end_date_time_key IS 'Interval of the end';
COMMENT ON COLUMN mart.sm_res_session_fact.total_duration_ms IS 'Milliseconds';
COMMENT ON COLUMN mart.sm_res_session_fact.abnormal_flag IS '1 when the session ended because the switch died';
COMMENT ON COLUMN mart.sm_res_session_fact.active_flag IS '1 while it lasts';
COMMENT ON COLUMN mart.sm_res_session_fact.create_audit_key IS 'Load that inserted the row';
COMMENT ON COLUMN mart.sm_res_session_fact.update_audit_key IS 'Load that changed it last';
CREATE INDEX sm_res_session_fact_resource_key_ix ON mart.sm_res_session_fact (resource_key, start_at);

CREATE TABLE mart.sm_res_state_fact (
    tenant_key integer NOT NULL,
    start_date_time_key bigint NOT NULL,
    sm_res_state_fact_key uuid NOT NULL,
    source_key bigint NOT NULL,
    media_type_key integer NOT NULL,
    resource_key bigint NOT NULL,
    resource_group_combination_key bigint NOT NULL,
    resource_state_key integer NOT NULL,
    sm_res_session_fact_key uuid NOT NULL,
    sm_res_session_fact_sdt_key bigint NOT NULL,
    start_at timestamptz NOT NULL,
    end_at timestamptz,
    end_date_time_key bigint,
    total_duration_ms bigint,
    active_flag smallint NOT NULL,
    create_audit_key bigint NOT NULL,
    update_audit_key bigint NOT NULL,
    PRIMARY KEY (tenant_key, start_date_time_key, sm_res_state_fact_key)
) PARTITION BY RANGE (start_date_time_key);
COMMENT ON TABLE mart.sm_res_state_fact IS 'States of an agent; they tile each session exactly';
COMMENT ON COLUMN mart.sm_res_state_fact.tenant_key IS 'Tenant';
COMMENT ON COLUMN mart.sm_res_state_fact.start_date_time_key IS 'Interval of the start';
COMMENT ON COLUMN mart.sm_res_state_fact.sm_res_state_fact_key IS 'Key: start and hash of the agent';
COMMENT ON COLUMN mart.sm_res_state_fact.source_key IS 'Source';
COMMENT ON COLUMN mart.sm_res_state_fact.media_type_key IS 'Medium';
COMMENT ON COLUMN mart.sm_res_state_fact.resource_key IS 'Agent';
COMMENT ON COLUMN mart.sm_res_state_fact.resource_group_combination_key IS 'Groups; -2 none';
COMMENT ON COLUMN mart.sm_res_state_fact.resource_state_key IS 'State';
COMMENT ON COLUMN mart.sm_res_state_fact.sm_res_session_fact_key IS 'Session';
COMMENT ON COLUMN mart.sm_res_state_fact.sm_res_session_fact_sdt_key IS 'Interval of the session''s start';
COMMENT ON COLUMN mart.sm_res_state_fact.start_at IS 'Begin';
COMMENT ON COLUMN mart.sm_res_state_fact.end_at IS 'End; NULL while it lasts';
COMMENT ON COLUMN mart.sm_res_state_fact.end_date_time_key IS 'Interval of the end';
COMMENT ON COLUMN mart.sm_res_state_fact.total_duration_ms IS 'Milliseconds';
COMMENT ON COLUMN mart.sm_res_state_fact.active_flag IS '1 while it lasts';
COMMENT ON COLUMN mart.sm_res_state_fact.create_audit_key IS 'Load that inserted the row';
COMMENT ON COLUMN mart.sm_res_state_fact.update_audit_key IS 'Load that changed it last';
CREATE INDEX sm_res_state_fact_resource_key_ix ON mart.sm_res_state_fact (resource_key, start_at);

CREATE TABLE mart.sm_res_state_reason_fact (
    tenant_key integer NOT NULL,
    start_date_time_key bigint NOT NULL,
    sm_res_state_reason_fact_key uuid NOT NULL,
    source_key bigint NOT NULL,
    media_type_key integer NOT NULL,
    resource_key bigint NOT NULL,
    resource_group_combination_key bigint NOT NULL,
    resource_state_key integer NOT NULL,
    resource_state_reason_key bigint NOT NULL,
    sm_res_state_fact_key uuid NOT NULL,
    sm_res_state_fact_sdt_key bigint NOT NULL,
    sm_res_session_fact_key uuid NOT NULL,
    sm_res_session_fact_sdt_key bigint NOT NULL,
    start_at timestamptz NOT NULL,
    end_at timestamptz,
    end_date_time_key bigint,
    total_duration_ms bigint,
    active_flag smallint NOT NULL,
    create_audit_key bigint NOT NULL,
    update_audit_key bigint NOT NULL,
    PRIMARY KEY (tenant_key, start_date_time_key, sm_res_state_reason_fact_key)
) PARTITION BY RANGE (start_date_time_key);
COMMENT ON TABLE mart.sm_res_state_reason_fact IS 'Reasons of not being ready';
COMMENT ON COLUMN mart.sm_res_state_reason_fact.tenant_key IS 'Tenant';
COMMENT ON COLUMN mart.sm_res_state_reason_fact.start_date_time_key IS 'Interval of the start';
COMMENT ON COLUMN mart.sm_res_state_reason_fact.sm_res_state_reason_fact_key IS 'Key: start and hash of the agent';
COMMENT ON COLUMN mart.sm_res_state_reason_fact.source_key IS 'Source';
COMMENT ON COLUMN mart.sm_res_state_reason_fact.media_type_key IS 'Medium';
COMMENT ON COLUMN mart.sm_res_state_reason_fact.resource_key IS 'Agent';
COMMENT ON COLUMN mart.sm_res_state_reason_fact.resource_group_combination_key IS 'Groups; -2 none';
COMMENT ON COLUMN mart.sm_res_state_reason_fact.resource_state_key IS 'State';
COMMENT ON COLUMN mart.sm_res_state_reason_fact.resource_state_reason_key IS 'Reason';
COMMENT ON COLUMN mart.sm_res_state_reason_fact.sm_res_state_fact_key IS 'State row in which the span begins';
COMMENT ON COLUMN mart.sm_res_state_reason_fact.sm_res_state_fact_sdt_key IS 'Interval of that row';
COMMENT ON COLUMN mart.sm_res_state_reason_fact.sm_res_session_fact_key IS 'Session';
COMMENT ON COLUMN mart.sm_res_state_reason_fact.sm_res_session_fact_sdt_key IS 'Interval of the session''s start';
COMMENT ON COLUMN mart.sm_res_state_reason_fact.start_at IS 'Begin';
COMMENT ON COLUMN mart.sm_res_state_reason_fact.end_at IS 'End; NULL while it lasts';
COMMENT ON COLUMN mart.sm_res_state_reason_fact.end_date_time_key IS 'Interval of the end';
COMMENT ON COLUMN mart.sm_res_state_reason_fact.total_duration_ms IS 'Milliseconds';
COMMENT ON COLUMN mart.sm_res_state_reason_fact.active_flag IS '1 while it lasts';
COMMENT ON COLUMN mart.sm_res_state_reason_fact.create_audit_key IS 'Load that inserted the row';
COMMENT ON COLUMN mart.sm_res_state_reason_fact.update_audit_key IS 'Load that changed it last';
CREATE INDEX sm_res_state_reason_fact_resource_key_ix ON mart.sm_res_state_reason_fact (resource_key, start_at);

INSERT INTO ops.partition_rule VALUES
    ('mart', 'interaction_fact', 'epoch', 1), ('mart', 'interaction_resource_fact', 'epoch', 1),
    ('mart', 'mediation_segment_fact', 'epoch', 1), ('mart', 'ixn_resource_state_fact', 'epoch', 1),
    ('mart', 'sm_res_session_fact', 'epoch', 1), ('mart', 'sm_res_state_fact', 'epoch', 1),
    ('mart', 'sm_res_state_reason_fact', 'epoch', 1), ('mart', 'resource_group_fact_', 'epoch', 30)
ON CONFLICT DO NOTHING;
