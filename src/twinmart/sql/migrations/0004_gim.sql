-- Views for those who know the original: its names, columns and units over our facts and dimensions, in schema gim; and three
-- views of our own in schema mart that say in one row what a queue visit, an agent, a queue was.
-- In gim, times are epoch seconds, cut. TOTAL_DURATION is END_TS - START_TS, so that adjoining spans add up; every other duration
-- is the sum of its milliseconds, cut to seconds. Where a fact lacks the GUID of its interaction, interaction_fact is joined on its
-- whole primary key, so that a query which does not ask for the GUID does not pay for it.

CREATE VIEW gim.interaction_fact AS
SELECT
    fact.interaction_id,
    fact.tenant_key,
    fact.start_date_time_key,
    fact.end_date_time_key,
    fact.interaction_type_key,
    fact.media_type_key,
    fact.anchor_id,
    fact.anchor_date_time_key AS anchor_sdt_key,
    fact.create_audit_key,
    fact.update_audit_key,
    NULL::bigint AS media_server_root_ixn_id,
    NULL::bigint AS media_server_ixn_id,
    fact.media_server_root_ixn_guid,
    fact.media_server_root_ixn_guid AS media_server_ixn_guid,
    fact.source_address,
    fact.target_address,
    NULL::text AS subject,
    fact.status,
    floor(extract(epoch FROM fact.start_at))::bigint AS start_ts,
    floor(extract(epoch FROM fact.end_at))::bigint AS end_ts,
    fact.active_flag,
    NULL::bigint AS producer_batch_id,
    NULL::smallint AS purge_flag
FROM mart.interaction_fact AS fact;
COMMENT ON VIEW gim.interaction_fact IS 'One row an interaction. Keys of facts are uuid; while it lasts END_TS is NULL and ACTIVE_FLAG 1';
COMMENT ON COLUMN gim.interaction_fact.interaction_id IS 'Key, uuid';
COMMENT ON COLUMN gim.interaction_fact.tenant_key IS 'Tenant';
COMMENT ON COLUMN gim.interaction_fact.start_date_time_key IS 'Interval of 15 minutes of the start';
COMMENT ON COLUMN gim.interaction_fact.end_date_time_key IS 'Interval of the end; NULL while it lasts';
COMMENT ON COLUMN gim.interaction_fact.interaction_type_key IS 'Direction';
COMMENT ON COLUMN gim.interaction_fact.media_type_key IS 'Medium';
COMMENT ON COLUMN gim.interaction_fact.anchor_id IS 'First interaction resource that handled the customer; NULL none';
COMMENT ON COLUMN gim.interaction_fact.anchor_sdt_key IS 'Interval of that row';
COMMENT ON COLUMN gim.interaction_fact.create_audit_key IS 'Load that inserted the row';
COMMENT ON COLUMN gim.interaction_fact.update_audit_key IS 'Load that changed it last';
COMMENT ON COLUMN gim.interaction_fact.media_server_root_ixn_id IS 'Constant NULL: the switch numbers calls by text, see MEDIA_SERVER_ROOT_IXN_GUID';
COMMENT ON COLUMN gim.interaction_fact.media_server_ixn_id IS 'Constant NULL, likewise';
COMMENT ON COLUMN gim.interaction_fact.media_server_root_ixn_guid IS 'Root call, as the switch names it';
COMMENT ON COLUMN gim.interaction_fact.media_server_ixn_guid IS 'The same: an interaction is all calls of one root';
COMMENT ON COLUMN gim.interaction_fact.source_address IS 'Number of who called';
COMMENT ON COLUMN gim.interaction_fact.target_address IS 'Number that was called';
COMMENT ON COLUMN gim.interaction_fact.subject IS 'Constant NULL: calls have no subject';
COMMENT ON COLUMN gim.interaction_fact.status IS '0 normal, 1 ended with the switch, 2 discarded';
COMMENT ON COLUMN gim.interaction_fact.start_ts IS 'First event, epoch seconds';
COMMENT ON COLUMN gim.interaction_fact.end_ts IS 'End of the last channel, epoch seconds; NULL while it lasts';
COMMENT ON COLUMN gim.interaction_fact.active_flag IS '1 while it lasts, else 0';
COMMENT ON COLUMN gim.interaction_fact.producer_batch_id IS 'Constant NULL: no such producer';
COMMENT ON COLUMN gim.interaction_fact.purge_flag IS 'Constant NULL: purging leaves no marks';

CREATE VIEW gim.interaction_resource_fact AS
SELECT
    fact.interaction_resource_id,
    fact.interaction_id,
    fact.tenant_key,
    fact.start_date_time_key,
    fact.end_date_time_key,
    fact.interaction_type_key,
    fact.media_type_key,
    fact.resource_key,
    fact.resource_group_combination_key,
    -2 AS media_resource_key,
    -2 AS place_key,
    fact.technical_descriptor_key,
    -2 AS routing_target_key,
    -2 AS requested_skill_key,
    -2 AS res_previous_sm_state_key,
    fact.mediation_segment_id,
    fact.mediation_date_time_key AS mediation_segment_sdt_key,
    fact.mediation_date_time_key AS mediation_start_date_time_key,
    fact.last_queue_resource_key AS mediation_resource_key,
    fact.last_queue_resource_key,
    fact.last_queue_resource_key AS last_vqueue_resource_key,
    -2 AS last_rp_resource_key,
    fact.received_from_ixn_resource_id,
    fact.create_audit_key,
    fact.update_audit_key,
    interaction.media_server_root_ixn_guid,
    interaction.media_server_root_ixn_guid AS media_server_ixn_guid,
    fact.channel_id AS partyguid,
    fact.interaction_resource_ordinal,
    fact.mediation_count,
    fact.target_address,
    fact.irf_anchor,
    fact.stop_action,
    floor(extract(epoch FROM fact.start_at))::bigint AS start_ts,
    floor(extract(epoch FROM fact.end_at))::bigint AS end_ts,
    floor(extract(epoch FROM fact.end_at))::bigint - floor(extract(epoch FROM fact.start_at))::bigint AS total_duration,
    fact.dial_count,
    fact.dial_duration_ms / 1000 AS dial_duration,
    fact.ring_count,
    fact.ring_duration_ms / 1000 AS ring_duration,
    fact.talk_count,
    fact.talk_duration_ms / 1000 AS talk_duration,
    fact.hold_count,
    fact.hold_duration_ms / 1000 AS hold_duration,
    fact.after_call_work_count,
    fact.after_call_work_duration_ms / 1000 AS after_call_work_duration,
    fact.customer_dial_count,
    fact.customer_dial_duration_ms / 1000 AS customer_dial_duration,
    fact.customer_ring_count,
    fact.customer_ring_duration_ms / 1000 AS customer_ring_duration,
    fact.customer_talk_count,
    fact.customer_talk_duration_ms / 1000 AS customer_talk_duration,
    fact.customer_hold_count,
    fact.customer_hold_duration_ms / 1000 AS customer_hold_duration,
    fact.customer_acw_count,
    fact.customer_acw_duration_ms / 1000 AS customer_acw_duration,
    fact.customer_handle_count,
    fact.post_cons_xfer_ring_count,
    fact.post_cons_xfer_ring_duration_ms / 1000 AS post_cons_xfer_ring_duration,
    fact.post_cons_xfer_talk_count,
    fact.post_cons_xfer_talk_duration_ms / 1000 AS post_cons_xfer_talk_duration,
    fact.post_cons_xfer_hold_count,
    fact.post_cons_xfer_hold_duration_ms / 1000 AS post_cons_xfer_hold_duration,
    fact.conf_init_talk_count,
    fact.conf_init_talk_duration_ms / 1000 AS conf_init_talk_duration,
    fact.conf_init_hold_count,
    fact.conf_init_hold_duration_ms / 1000 AS conf_init_hold_duration,
    fact.conference_initiated_count,
    fact.conf_join_ring_count,
    fact.conf_join_ring_duration_ms / 1000 AS conf_join_ring_duration,
    fact.conf_join_talk_count,
    fact.conf_join_talk_duration_ms / 1000 AS conf_join_talk_duration,
    fact.conf_join_hold_count,
    fact.conf_join_hold_duration_ms / 1000 AS conf_join_hold_duration,
    fact.cons_init_dial_count,
    fact.cons_init_dial_duration_ms / 1000 AS cons_init_dial_duration,
    fact.cons_init_talk_count,
    fact.cons_init_talk_duration_ms / 1000 AS cons_init_talk_duration,
    fact.cons_init_hold_count,
    fact.cons_init_hold_duration_ms / 1000 AS cons_init_hold_duration,
    fact.cons_rcv_ring_count,
    fact.cons_rcv_ring_duration_ms / 1000 AS cons_rcv_ring_duration,
    fact.cons_rcv_talk_count,
    fact.cons_rcv_talk_duration_ms / 1000 AS cons_rcv_talk_duration,
    fact.cons_rcv_hold_count,
    fact.cons_rcv_hold_duration_ms / 1000 AS cons_rcv_hold_duration,
    fact.cons_rcv_acw_count,
    fact.cons_rcv_acw_duration_ms / 1000 AS cons_rcv_acw_duration,
    fact.agent_to_agent_cons_count,
    fact.agent_to_agent_cons_duration_ms / 1000 AS agent_to_agent_cons_duration,
    0::smallint AS asm_count,
    0::bigint AS asm_engage_duration,
    0::smallint AS focus_time_count,
    0::bigint AS focus_time_duration,
    fact.mediation_duration_ms / 1000 AS mediation_duration,
    fact.queue_duration_ms / 1000 AS queue_duration,
    fact.routing_point_duration_ms / 1000 AS routing_point_duration,
    fact.met_service_objective_flag,
    fact.short_abandoned_flag,
    fact.active_flag,
    NULL::bigint AS producer_batch_id,
    NULL::smallint AS purge_flag
FROM mart.interaction_resource_fact AS fact
LEFT JOIN mart.interaction_fact AS interaction
    ON interaction.tenant_key = fact.tenant_key
    AND interaction.start_date_time_key = fact.interaction_date_time_key
    AND interaction.interaction_id = fact.interaction_id;
COMMENT ON VIEW gim.interaction_resource_fact IS 'One row a resource''s contiguous part in an interaction, attempts that found no answer included. Keys of facts are uuid; while it lasts END_TS is NULL';
COMMENT ON COLUMN gim.interaction_resource_fact.interaction_resource_id IS 'Key, uuid';
COMMENT ON COLUMN gim.interaction_resource_fact.interaction_id IS 'Interaction, uuid';
COMMENT ON COLUMN gim.interaction_resource_fact.tenant_key IS 'Tenant';
COMMENT ON COLUMN gim.interaction_resource_fact.start_date_time_key IS 'Interval of 15 minutes of the start';
COMMENT ON COLUMN gim.interaction_resource_fact.end_date_time_key IS 'Interval of the end; NULL while it lasts';
COMMENT ON COLUMN gim.interaction_resource_fact.interaction_type_key IS 'Direction';
COMMENT ON COLUMN gim.interaction_resource_fact.media_type_key IS 'Medium';
COMMENT ON COLUMN gim.interaction_resource_fact.resource_key IS 'Resource';
COMMENT ON COLUMN gim.interaction_resource_fact.resource_group_combination_key IS 'Groups; -2 none';
COMMENT ON COLUMN gim.interaction_resource_fact.media_resource_key IS 'Constant -2: the device is not kept apart from the resource';
COMMENT ON COLUMN gim.interaction_resource_fact.place_key IS 'Constant -2: a switch tells no places';
COMMENT ON COLUMN gim.interaction_resource_fact.technical_descriptor_key IS 'Role and outcome';
COMMENT ON COLUMN gim.interaction_resource_fact.routing_target_key IS 'Constant -2: a switch tells no routing targets';
COMMENT ON COLUMN gim.interaction_resource_fact.requested_skill_key IS 'Constant -2: a switch tells no skills';
COMMENT ON COLUMN gim.interaction_resource_fact.res_previous_sm_state_key IS 'Constant -2: join SM_RES_STATE_FACT at START_TS instead';
COMMENT ON COLUMN gim.interaction_resource_fact.mediation_segment_id IS 'Queue visit that led to it, uuid; NULL none';
COMMENT ON COLUMN gim.interaction_resource_fact.mediation_segment_sdt_key IS 'Interval of that visit';
COMMENT ON COLUMN gim.interaction_resource_fact.mediation_start_date_time_key IS 'The same';
COMMENT ON COLUMN gim.interaction_resource_fact.mediation_resource_key IS 'Queue that led to it; -2 none';
COMMENT ON COLUMN gim.interaction_resource_fact.last_queue_resource_key IS 'Queue that led to it; -2 none';
COMMENT ON COLUMN gim.interaction_resource_fact.last_vqueue_resource_key IS 'The same: a queue of the switch is both';
COMMENT ON COLUMN gim.interaction_resource_fact.last_rp_resource_key IS 'Constant -2: numbers dialled are resources only where an interaction ends there';
COMMENT ON COLUMN gim.interaction_resource_fact.received_from_ixn_resource_id IS 'Interaction resource that transferred or consulted, uuid; NULL none';
COMMENT ON COLUMN gim.interaction_resource_fact.create_audit_key IS 'Load that inserted the row';
COMMENT ON COLUMN gim.interaction_resource_fact.update_audit_key IS 'Load that changed it last';
COMMENT ON COLUMN gim.interaction_resource_fact.media_server_root_ixn_guid IS 'Root call of the interaction';
COMMENT ON COLUMN gim.interaction_resource_fact.media_server_ixn_guid IS 'The same';
COMMENT ON COLUMN gim.interaction_resource_fact.partyguid IS 'Channel of the resource';
COMMENT ON COLUMN gim.interaction_resource_fact.interaction_resource_ordinal IS 'Place in the interaction, from 1';
COMMENT ON COLUMN gim.interaction_resource_fact.mediation_count IS 'Queue visits up to it since the last resource';
COMMENT ON COLUMN gim.interaction_resource_fact.target_address IS 'Number dialled';
COMMENT ON COLUMN gim.interaction_resource_fact.irf_anchor IS '1 for the first that handled the customer, else 0';
COMMENT ON COLUMN gim.interaction_resource_fact.stop_action IS 'Who ended: 1 the resource, 0 another, -1 not known';
COMMENT ON COLUMN gim.interaction_resource_fact.start_ts IS 'Begin of ringing or dialling, epoch seconds';
COMMENT ON COLUMN gim.interaction_resource_fact.end_ts IS 'The resource''s phone left, epoch seconds; NULL while it lasts';
COMMENT ON COLUMN gim.interaction_resource_fact.total_duration IS 'END_TS - START_TS, after-call work not included; NULL while it lasts';
COMMENT ON COLUMN gim.interaction_resource_fact.dial_count IS 'Calls placed, no customer';
COMMENT ON COLUMN gim.interaction_resource_fact.dial_duration IS 'Dialling, no customer, seconds';
COMMENT ON COLUMN gim.interaction_resource_fact.ring_count IS 'Rings, no customer';
COMMENT ON COLUMN gim.interaction_resource_fact.ring_duration IS 'Ringing, no customer, seconds';
COMMENT ON COLUMN gim.interaction_resource_fact.talk_count IS '1 when it talked, no customer';
COMMENT ON COLUMN gim.interaction_resource_fact.talk_duration IS 'Talking without hold, no customer, seconds';
COMMENT ON COLUMN gim.interaction_resource_fact.hold_count IS 'Holds, no customer';
COMMENT ON COLUMN gim.interaction_resource_fact.hold_duration IS 'Hold, no customer, seconds';
COMMENT ON COLUMN gim.interaction_resource_fact.after_call_work_count IS '1 when after-call work followed, no customer';
COMMENT ON COLUMN gim.interaction_resource_fact.after_call_work_duration IS 'After-call work, no customer, seconds';
COMMENT ON COLUMN gim.interaction_resource_fact.customer_dial_count IS 'Calls placed to a customer';
COMMENT ON COLUMN gim.interaction_resource_fact.customer_dial_duration IS 'Dialling a customer, seconds';
COMMENT ON COLUMN gim.interaction_resource_fact.customer_ring_count IS 'Rings with a customer waiting';
COMMENT ON COLUMN gim.interaction_resource_fact.customer_ring_duration IS 'Ringing with a customer waiting, seconds';
COMMENT ON COLUMN gim.interaction_resource_fact.customer_talk_count IS '1 when it talked with a customer';
COMMENT ON COLUMN gim.interaction_resource_fact.customer_talk_duration IS 'Talking with a customer, without hold, seconds';
COMMENT ON COLUMN gim.interaction_resource_fact.customer_hold_count IS 'Times that the customer was held';
COMMENT ON COLUMN gim.interaction_resource_fact.customer_hold_duration IS 'The customer held, waits during consultations included, seconds';
COMMENT ON COLUMN gim.interaction_resource_fact.customer_acw_count IS '1 when after-call work followed a customer';
COMMENT ON COLUMN gim.interaction_resource_fact.customer_acw_duration IS 'After-call work after a customer, seconds';
COMMENT ON COLUMN gim.interaction_resource_fact.customer_handle_count IS '1 when a customer was accepted, else 0';
COMMENT ON COLUMN gim.interaction_resource_fact.post_cons_xfer_ring_count IS 'Rings after a consultation became a transfer';
COMMENT ON COLUMN gim.interaction_resource_fact.post_cons_xfer_ring_duration IS 'Ringing after a consultation became a transfer, seconds';
COMMENT ON COLUMN gim.interaction_resource_fact.post_cons_xfer_talk_count IS '1 when it talked after a consultation became a transfer';
COMMENT ON COLUMN gim.interaction_resource_fact.post_cons_xfer_talk_duration IS 'Talking after a consultation became a transfer, seconds';
COMMENT ON COLUMN gim.interaction_resource_fact.post_cons_xfer_hold_count IS 'Holds after a consultation became a transfer';
COMMENT ON COLUMN gim.interaction_resource_fact.post_cons_xfer_hold_duration IS 'Hold after a consultation became a transfer, seconds';
COMMENT ON COLUMN gim.interaction_resource_fact.conf_init_talk_count IS '1 when it talked in a conference that it began';
COMMENT ON COLUMN gim.interaction_resource_fact.conf_init_talk_duration IS 'Talking in a conference that it began, seconds';
COMMENT ON COLUMN gim.interaction_resource_fact.conf_init_hold_count IS 'Holds in a conference that it began';
COMMENT ON COLUMN gim.interaction_resource_fact.conf_init_hold_duration IS 'Hold in a conference that it began, seconds';
COMMENT ON COLUMN gim.interaction_resource_fact.conference_initiated_count IS 'Conferences begun';
COMMENT ON COLUMN gim.interaction_resource_fact.conf_join_ring_count IS 'Rings before it joined a conference';
COMMENT ON COLUMN gim.interaction_resource_fact.conf_join_ring_duration IS 'Ringing before it joined a conference, seconds';
COMMENT ON COLUMN gim.interaction_resource_fact.conf_join_talk_count IS '1 when it talked in a conference that it joined';
COMMENT ON COLUMN gim.interaction_resource_fact.conf_join_talk_duration IS 'Talking in a conference that it joined, seconds';
COMMENT ON COLUMN gim.interaction_resource_fact.conf_join_hold_count IS 'Holds in a conference that it joined';
COMMENT ON COLUMN gim.interaction_resource_fact.conf_join_hold_duration IS 'Hold in a conference that it joined, seconds';
COMMENT ON COLUMN gim.interaction_resource_fact.cons_init_dial_count IS 'Consultations placed';
COMMENT ON COLUMN gim.interaction_resource_fact.cons_init_dial_duration IS 'Dialling a consultation, seconds';
COMMENT ON COLUMN gim.interaction_resource_fact.cons_init_talk_count IS '1 when a consultation that it placed was answered';
COMMENT ON COLUMN gim.interaction_resource_fact.cons_init_talk_duration IS 'Talking in a consultation that it placed, seconds';
COMMENT ON COLUMN gim.interaction_resource_fact.cons_init_hold_count IS 'Holds in a consultation that it placed';
COMMENT ON COLUMN gim.interaction_resource_fact.cons_init_hold_duration IS 'Hold in a consultation that it placed, seconds';
COMMENT ON COLUMN gim.interaction_resource_fact.cons_rcv_ring_count IS 'Rings of consultations';
COMMENT ON COLUMN gim.interaction_resource_fact.cons_rcv_ring_duration IS 'Ringing of a consultation, seconds';
COMMENT ON COLUMN gim.interaction_resource_fact.cons_rcv_talk_count IS '1 when it answered a consultation';
COMMENT ON COLUMN gim.interaction_resource_fact.cons_rcv_talk_duration IS 'Talking in a consultation that it received, seconds';
COMMENT ON COLUMN gim.interaction_resource_fact.cons_rcv_hold_count IS 'Holds in a consultation that it received';
COMMENT ON COLUMN gim.interaction_resource_fact.cons_rcv_hold_duration IS 'Hold in a consultation that it received, seconds';
COMMENT ON COLUMN gim.interaction_resource_fact.cons_rcv_acw_count IS '1 when after-call work followed a consultation';
COMMENT ON COLUMN gim.interaction_resource_fact.cons_rcv_acw_duration IS 'After-call work after a consultation that it received, seconds';
COMMENT ON COLUMN gim.interaction_resource_fact.agent_to_agent_cons_count IS 'Consultations placed to an agent and answered';
COMMENT ON COLUMN gim.interaction_resource_fact.agent_to_agent_cons_duration IS 'Talk and hold in consultations placed to an agent, seconds';
COMMENT ON COLUMN gim.interaction_resource_fact.asm_count IS 'Constant 0: calls are not placed ahead of an agent';
COMMENT ON COLUMN gim.interaction_resource_fact.asm_engage_duration IS 'Constant 0, likewise';
COMMENT ON COLUMN gim.interaction_resource_fact.focus_time_count IS 'Constant 0: only calls, which have the whole attention';
COMMENT ON COLUMN gim.interaction_resource_fact.focus_time_duration IS 'Constant 0, likewise';
COMMENT ON COLUMN gim.interaction_resource_fact.mediation_duration IS 'Waiting since the arrival or the last resource, seconds';
COMMENT ON COLUMN gim.interaction_resource_fact.queue_duration IS 'Of the mediation, in queues, seconds';
COMMENT ON COLUMN gim.interaction_resource_fact.routing_point_duration IS 'Of the mediation, before and between queues, seconds';
COMMENT ON COLUMN gim.interaction_resource_fact.met_service_objective_flag IS '1 answered within the queue''s service level, 0 later, NULL no queue or no service level';
COMMENT ON COLUMN gim.interaction_resource_fact.short_abandoned_flag IS '1 for an abandon within the short limit, else 0';
COMMENT ON COLUMN gim.interaction_resource_fact.active_flag IS '1 while it lasts, else 0';
COMMENT ON COLUMN gim.interaction_resource_fact.producer_batch_id IS 'Constant NULL: no such producer';
COMMENT ON COLUMN gim.interaction_resource_fact.purge_flag IS 'Constant NULL: purging leaves no marks';

CREATE VIEW gim.mediation_segment_fact AS
SELECT
    fact.mediation_segment_id,
    fact.interaction_id,
    fact.tenant_key,
    fact.start_date_time_key,
    fact.end_date_time_key,
    fact.interaction_type_key,
    fact.media_type_key,
    fact.resource_key,
    fact.resource_group_combination_key,
    -2 AS place_key,
    fact.technical_descriptor_key,
    fact.ixn_resource_id,
    fact.target_ixn_resource_id,
    fact.target_ixn_resource_sdt_key,
    fact.create_audit_key,
    fact.update_audit_key,
    interaction.media_server_root_ixn_guid AS media_server_ixn_guid,
    fact.channel_id AS mediation_guid,
    fact.entry_ordinal,
    floor(extract(epoch FROM fact.start_at))::bigint AS start_ts,
    floor(extract(epoch FROM fact.end_at))::bigint AS end_ts,
    floor(extract(epoch FROM fact.end_at))::bigint - floor(extract(epoch FROM fact.start_at))::bigint AS total_duration,
    fact.met_threshold_flag,
    fact.short_abandoned_flag,
    1::smallint AS online_flag,
    fact.stop_action,
    0::smallint AS userdata_flag,
    NULL::text AS orssessionid,
    fact.active_flag,
    NULL::bigint AS producer_batch_id
FROM mart.mediation_segment_fact AS fact
LEFT JOIN mart.interaction_fact AS interaction
    ON interaction.tenant_key = fact.tenant_key
    AND interaction.start_date_time_key = fact.interaction_date_time_key
    AND interaction.interaction_id = fact.interaction_id;
COMMENT ON VIEW gim.mediation_segment_fact IS 'One row a visit to a queue, from the entry to the answer or to leaving. Keys of facts are uuid; while it lasts END_TS is NULL and ACTIVE_FLAG 1';
COMMENT ON COLUMN gim.mediation_segment_fact.mediation_segment_id IS 'Key, uuid';
COMMENT ON COLUMN gim.mediation_segment_fact.interaction_id IS 'Interaction, uuid';
COMMENT ON COLUMN gim.mediation_segment_fact.tenant_key IS 'Tenant';
COMMENT ON COLUMN gim.mediation_segment_fact.start_date_time_key IS 'Interval of 15 minutes of the start';
COMMENT ON COLUMN gim.mediation_segment_fact.end_date_time_key IS 'Interval of the end; NULL while it lasts';
COMMENT ON COLUMN gim.mediation_segment_fact.interaction_type_key IS 'Direction';
COMMENT ON COLUMN gim.mediation_segment_fact.media_type_key IS 'Medium';
COMMENT ON COLUMN gim.mediation_segment_fact.resource_key IS 'Queue';
COMMENT ON COLUMN gim.mediation_segment_fact.resource_group_combination_key IS 'Groups; -2 none';
COMMENT ON COLUMN gim.mediation_segment_fact.place_key IS 'Constant -2: a switch tells no places';
COMMENT ON COLUMN gim.mediation_segment_fact.technical_descriptor_key IS 'Role and outcome';
COMMENT ON COLUMN gim.mediation_segment_fact.ixn_resource_id IS 'Interaction resource that placed the call into the queue, uuid; NULL none';
COMMENT ON COLUMN gim.mediation_segment_fact.target_ixn_resource_id IS 'Interaction resource that answered, uuid; NULL none';
COMMENT ON COLUMN gim.mediation_segment_fact.target_ixn_resource_sdt_key IS 'Interval of that row';
COMMENT ON COLUMN gim.mediation_segment_fact.create_audit_key IS 'Load that inserted the row';
COMMENT ON COLUMN gim.mediation_segment_fact.update_audit_key IS 'Load that changed it last';
COMMENT ON COLUMN gim.mediation_segment_fact.media_server_ixn_guid IS 'Root call of the interaction';
COMMENT ON COLUMN gim.mediation_segment_fact.mediation_guid IS 'Channel of the caller';
COMMENT ON COLUMN gim.mediation_segment_fact.entry_ordinal IS 'Which visit of this channel to this queue, from 1';
COMMENT ON COLUMN gim.mediation_segment_fact.start_ts IS 'Entry, epoch seconds';
COMMENT ON COLUMN gim.mediation_segment_fact.end_ts IS 'Answer or leaving, epoch seconds; NULL while waiting';
COMMENT ON COLUMN gim.mediation_segment_fact.total_duration IS 'Wait, ringing included: END_TS - START_TS; NULL while waiting';
COMMENT ON COLUMN gim.mediation_segment_fact.met_threshold_flag IS '1 answered within the queue''s service level, 0 later, NULL not answered or no service level';
COMMENT ON COLUMN gim.mediation_segment_fact.short_abandoned_flag IS '1 for an abandon within the short limit, else 0';
COMMENT ON COLUMN gim.mediation_segment_fact.online_flag IS 'Constant 1: both sides of a call are present';
COMMENT ON COLUMN gim.mediation_segment_fact.stop_action IS 'Who ended: 1 the caller, 0 another, -1 not known';
COMMENT ON COLUMN gim.mediation_segment_fact.userdata_flag IS 'Constant 0: no user data are collected';
COMMENT ON COLUMN gim.mediation_segment_fact.orssessionid IS 'Constant NULL: no orchestration sessions';
COMMENT ON COLUMN gim.mediation_segment_fact.active_flag IS '1 while it lasts, else 0';
COMMENT ON COLUMN gim.mediation_segment_fact.producer_batch_id IS 'Constant NULL: no such producer';

CREATE VIEW gim.sm_res_session_fact AS
SELECT
    fact.sm_res_session_fact_key,
    fact.tenant_key,
    fact.start_date_time_key,
    fact.end_date_time_key,
    fact.media_type_key,
    fact.resource_key,
    fact.resource_group_combination_key,
    fact.create_audit_key,
    fact.update_audit_key,
    floor(extract(epoch FROM fact.start_at))::bigint AS start_ts,
    floor(extract(epoch FROM fact.end_at))::bigint AS end_ts,
    floor(extract(epoch FROM fact.end_at))::bigint - floor(extract(epoch FROM fact.start_at))::bigint AS total_duration,
    NULL::bigint AS lead_clip_duration,
    NULL::bigint AS trail_clip_duration,
    fact.active_flag,
    NULL::bigint AS producer_batch_id,
    NULL::smallint AS purge_flag
FROM mart.sm_res_session_fact AS fact;
COMMENT ON VIEW gim.sm_res_session_fact IS 'One row a login session of an agent. Keys of facts are uuid; while it lasts END_TS is NULL and ACTIVE_FLAG 1';
COMMENT ON COLUMN gim.sm_res_session_fact.sm_res_session_fact_key IS 'Key, uuid';
COMMENT ON COLUMN gim.sm_res_session_fact.tenant_key IS 'Tenant';
COMMENT ON COLUMN gim.sm_res_session_fact.start_date_time_key IS 'Interval of 15 minutes of the start';
COMMENT ON COLUMN gim.sm_res_session_fact.end_date_time_key IS 'Interval of the end; NULL while it lasts';
COMMENT ON COLUMN gim.sm_res_session_fact.media_type_key IS 'Medium';
COMMENT ON COLUMN gim.sm_res_session_fact.resource_key IS 'Agent';
COMMENT ON COLUMN gim.sm_res_session_fact.resource_group_combination_key IS 'Groups; -2 none';
COMMENT ON COLUMN gim.sm_res_session_fact.create_audit_key IS 'Load that inserted the row';
COMMENT ON COLUMN gim.sm_res_session_fact.update_audit_key IS 'Load that changed it last';
COMMENT ON COLUMN gim.sm_res_session_fact.start_ts IS 'Login, epoch seconds';
COMMENT ON COLUMN gim.sm_res_session_fact.end_ts IS 'Logout, epoch seconds; NULL while it lasts';
COMMENT ON COLUMN gim.sm_res_session_fact.total_duration IS 'END_TS - START_TS; NULL while it lasts';
COMMENT ON COLUMN gim.sm_res_session_fact.lead_clip_duration IS 'Constant NULL: not computed';
COMMENT ON COLUMN gim.sm_res_session_fact.trail_clip_duration IS 'Constant NULL: not computed';
COMMENT ON COLUMN gim.sm_res_session_fact.active_flag IS '1 while it lasts, else 0';
COMMENT ON COLUMN gim.sm_res_session_fact.producer_batch_id IS 'Constant NULL: no such producer';
COMMENT ON COLUMN gim.sm_res_session_fact.purge_flag IS 'Constant NULL: purging leaves no marks';

CREATE VIEW gim.sm_res_state_fact AS
SELECT
    fact.sm_res_state_fact_key,
    fact.tenant_key,
    fact.start_date_time_key,
    fact.end_date_time_key,
    fact.media_type_key,
    fact.resource_key,
    fact.resource_group_combination_key,
    fact.resource_state_key,
    fact.sm_res_session_fact_key,
    fact.sm_res_session_fact_sdt_key,
    fact.create_audit_key,
    fact.update_audit_key,
    floor(extract(epoch FROM fact.start_at))::bigint AS start_ts,
    floor(extract(epoch FROM fact.end_at))::bigint AS end_ts,
    floor(extract(epoch FROM fact.end_at))::bigint - floor(extract(epoch FROM fact.start_at))::bigint AS total_duration,
    NULL::bigint AS lead_clip_duration,
    NULL::bigint AS trail_clip_duration,
    fact.active_flag,
    NULL::bigint AS producer_batch_id,
    NULL::smallint AS purge_flag
FROM mart.sm_res_state_fact AS fact;
COMMENT ON VIEW gim.sm_res_state_fact IS 'States of an agent, which tile each session. Keys of facts are uuid; while it lasts END_TS is NULL and ACTIVE_FLAG 1';
COMMENT ON COLUMN gim.sm_res_state_fact.sm_res_state_fact_key IS 'Key, uuid';
COMMENT ON COLUMN gim.sm_res_state_fact.tenant_key IS 'Tenant';
COMMENT ON COLUMN gim.sm_res_state_fact.start_date_time_key IS 'Interval of 15 minutes of the start';
COMMENT ON COLUMN gim.sm_res_state_fact.end_date_time_key IS 'Interval of the end; NULL while it lasts';
COMMENT ON COLUMN gim.sm_res_state_fact.media_type_key IS 'Medium';
COMMENT ON COLUMN gim.sm_res_state_fact.resource_key IS 'Agent';
COMMENT ON COLUMN gim.sm_res_state_fact.resource_group_combination_key IS 'Groups; -2 none';
COMMENT ON COLUMN gim.sm_res_state_fact.resource_state_key IS 'State';
COMMENT ON COLUMN gim.sm_res_state_fact.sm_res_session_fact_key IS 'Session, uuid';
COMMENT ON COLUMN gim.sm_res_state_fact.sm_res_session_fact_sdt_key IS 'Interval of the session''s start';
COMMENT ON COLUMN gim.sm_res_state_fact.create_audit_key IS 'Load that inserted the row';
COMMENT ON COLUMN gim.sm_res_state_fact.update_audit_key IS 'Load that changed it last';
COMMENT ON COLUMN gim.sm_res_state_fact.start_ts IS 'Start, epoch seconds';
COMMENT ON COLUMN gim.sm_res_state_fact.end_ts IS 'End, epoch seconds; NULL while it lasts';
COMMENT ON COLUMN gim.sm_res_state_fact.total_duration IS 'END_TS - START_TS; NULL while it lasts';
COMMENT ON COLUMN gim.sm_res_state_fact.lead_clip_duration IS 'Constant NULL: not computed';
COMMENT ON COLUMN gim.sm_res_state_fact.trail_clip_duration IS 'Constant NULL: not computed';
COMMENT ON COLUMN gim.sm_res_state_fact.active_flag IS '1 while it lasts, else 0';
COMMENT ON COLUMN gim.sm_res_state_fact.producer_batch_id IS 'Constant NULL: no such producer';
COMMENT ON COLUMN gim.sm_res_state_fact.purge_flag IS 'Constant NULL: purging leaves no marks';

CREATE VIEW gim.sm_res_state_reason_fact AS
SELECT
    fact.sm_res_state_reason_fact_key,
    fact.tenant_key,
    fact.start_date_time_key,
    fact.end_date_time_key,
    fact.media_type_key,
    fact.resource_key,
    fact.resource_group_combination_key,
    fact.resource_state_key,
    fact.resource_state_reason_key,
    fact.sm_res_state_fact_key,
    fact.sm_res_state_fact_sdt_key,
    fact.sm_res_session_fact_key,
    fact.sm_res_session_fact_sdt_key,
    fact.create_audit_key,
    fact.update_audit_key,
    floor(extract(epoch FROM fact.start_at))::bigint AS start_ts,
    floor(extract(epoch FROM fact.end_at))::bigint AS end_ts,
    floor(extract(epoch FROM fact.end_at))::bigint - floor(extract(epoch FROM fact.start_at))::bigint AS total_duration,
    NULL::bigint AS lead_clip_duration,
    NULL::bigint AS trail_clip_duration,
    fact.active_flag,
    NULL::bigint AS producer_batch_id,
    NULL::smallint AS purge_flag
FROM mart.sm_res_state_reason_fact AS fact;
COMMENT ON VIEW gim.sm_res_state_reason_fact IS 'Reasons of an agent''s state. Keys of facts are uuid; while it lasts END_TS is NULL and ACTIVE_FLAG 1';
COMMENT ON COLUMN gim.sm_res_state_reason_fact.sm_res_state_reason_fact_key IS 'Key, uuid';
COMMENT ON COLUMN gim.sm_res_state_reason_fact.tenant_key IS 'Tenant';
COMMENT ON COLUMN gim.sm_res_state_reason_fact.start_date_time_key IS 'Interval of 15 minutes of the start';
COMMENT ON COLUMN gim.sm_res_state_reason_fact.end_date_time_key IS 'Interval of the end; NULL while it lasts';
COMMENT ON COLUMN gim.sm_res_state_reason_fact.media_type_key IS 'Medium';
COMMENT ON COLUMN gim.sm_res_state_reason_fact.resource_key IS 'Agent';
COMMENT ON COLUMN gim.sm_res_state_reason_fact.resource_group_combination_key IS 'Groups; -2 none';
COMMENT ON COLUMN gim.sm_res_state_reason_fact.resource_state_key IS 'State';
COMMENT ON COLUMN gim.sm_res_state_reason_fact.resource_state_reason_key IS 'Reason';
COMMENT ON COLUMN gim.sm_res_state_reason_fact.sm_res_state_fact_key IS 'State row in which the span begins, uuid';
COMMENT ON COLUMN gim.sm_res_state_reason_fact.sm_res_state_fact_sdt_key IS 'Interval of that row';
COMMENT ON COLUMN gim.sm_res_state_reason_fact.sm_res_session_fact_key IS 'Session, uuid';
COMMENT ON COLUMN gim.sm_res_state_reason_fact.sm_res_session_fact_sdt_key IS 'Interval of the session''s start';
COMMENT ON COLUMN gim.sm_res_state_reason_fact.create_audit_key IS 'Load that inserted the row';
COMMENT ON COLUMN gim.sm_res_state_reason_fact.update_audit_key IS 'Load that changed it last';
COMMENT ON COLUMN gim.sm_res_state_reason_fact.start_ts IS 'Start, epoch seconds';
COMMENT ON COLUMN gim.sm_res_state_reason_fact.end_ts IS 'End, epoch seconds; NULL while it lasts';
COMMENT ON COLUMN gim.sm_res_state_reason_fact.total_duration IS 'END_TS - START_TS; NULL while it lasts';
COMMENT ON COLUMN gim.sm_res_state_reason_fact.lead_clip_duration IS 'Constant NULL: not computed';
COMMENT ON COLUMN gim.sm_res_state_reason_fact.trail_clip_duration IS 'Constant NULL: not computed';
COMMENT ON COLUMN gim.sm_res_state_reason_fact.active_flag IS '1 while it lasts, else 0';
COMMENT ON COLUMN gim.sm_res_state_reason_fact.producer_batch_id IS 'Constant NULL: no such producer';
COMMENT ON COLUMN gim.sm_res_state_reason_fact.purge_flag IS 'Constant NULL: purging leaves no marks';

CREATE VIEW gim.ixn_resource_state_fact AS
SELECT
    fact.ixn_resource_state_fact_key,
    fact.interaction_resource_id,
    fact.interaction_resource_sdt_key,
    fact.tenant_key,
    fact.start_date_time_key,
    fact.end_date_time_key,
    fact.interaction_type_key,
    fact.media_type_key,
    fact.resource_key,
    -2 AS media_resource_key,
    -2 AS place_key,
    fact.interaction_resource_state_key,
    fact.create_audit_key,
    fact.update_audit_key,
    fact.target_address,
    floor(extract(epoch FROM fact.start_at))::bigint AS start_ts,
    floor(extract(epoch FROM fact.end_at))::bigint AS end_ts,
    floor(extract(epoch FROM fact.end_at))::bigint - floor(extract(epoch FROM fact.start_at))::bigint AS total_duration,
    NULL::bigint AS lead_clip_duration,
    NULL::bigint AS trail_clip_duration,
    fact.active_flag,
    NULL::bigint AS producer_batch_id
FROM mart.ixn_resource_state_fact AS fact;
COMMENT ON VIEW gim.ixn_resource_state_fact IS 'States of a resource inside an interaction, which tile its part in it. Keys of facts are uuid; while it lasts END_TS is NULL and ACTIVE_FLAG 1';
COMMENT ON COLUMN gim.ixn_resource_state_fact.ixn_resource_state_fact_key IS 'Key, uuid';
COMMENT ON COLUMN gim.ixn_resource_state_fact.interaction_resource_id IS 'Interaction resource, uuid';
COMMENT ON COLUMN gim.ixn_resource_state_fact.interaction_resource_sdt_key IS 'Interval of that row';
COMMENT ON COLUMN gim.ixn_resource_state_fact.tenant_key IS 'Tenant';
COMMENT ON COLUMN gim.ixn_resource_state_fact.start_date_time_key IS 'Interval of 15 minutes of the start';
COMMENT ON COLUMN gim.ixn_resource_state_fact.end_date_time_key IS 'Interval of the end; NULL while it lasts';
COMMENT ON COLUMN gim.ixn_resource_state_fact.interaction_type_key IS 'Direction';
COMMENT ON COLUMN gim.ixn_resource_state_fact.media_type_key IS 'Medium';
COMMENT ON COLUMN gim.ixn_resource_state_fact.resource_key IS 'Resource';
COMMENT ON COLUMN gim.ixn_resource_state_fact.media_resource_key IS 'Constant -2: the device is not kept apart from the resource';
COMMENT ON COLUMN gim.ixn_resource_state_fact.place_key IS 'Constant -2: a switch tells no places';
COMMENT ON COLUMN gim.ixn_resource_state_fact.interaction_resource_state_key IS 'State and role';
COMMENT ON COLUMN gim.ixn_resource_state_fact.create_audit_key IS 'Load that inserted the row';
COMMENT ON COLUMN gim.ixn_resource_state_fact.update_audit_key IS 'Load that changed it last';
COMMENT ON COLUMN gim.ixn_resource_state_fact.target_address IS 'Number dialled';
COMMENT ON COLUMN gim.ixn_resource_state_fact.start_ts IS 'Start, epoch seconds';
COMMENT ON COLUMN gim.ixn_resource_state_fact.end_ts IS 'End, epoch seconds; NULL while it lasts';
COMMENT ON COLUMN gim.ixn_resource_state_fact.total_duration IS 'END_TS - START_TS; NULL while it lasts';
COMMENT ON COLUMN gim.ixn_resource_state_fact.lead_clip_duration IS 'Constant NULL: not computed';
COMMENT ON COLUMN gim.ixn_resource_state_fact.trail_clip_duration IS 'Constant NULL: not computed';
COMMENT ON COLUMN gim.ixn_resource_state_fact.active_flag IS '1 while it lasts, else 0';
COMMENT ON COLUMN gim.ixn_resource_state_fact.producer_batch_id IS 'Constant NULL: no such producer';

CREATE VIEW gim.resource_group_fact AS
SELECT
    fact.resource_group_fact_key,
    fact.tenant_key,
    fact.start_date_time_key,
    coalesce(mart.date_time_key(fact.end_at), 2147482800) AS end_date_time_key,
    fact.resource_key,
    fact.group_key,
    fact.create_audit_key,
    fact.update_audit_key,
    floor(extract(epoch FROM fact.start_at))::bigint AS start_ts,
    coalesce(floor(extract(epoch FROM fact.end_at))::bigint, 2147483647) AS end_ts,
    fact.active_flag
FROM mart.resource_group_fact_ AS fact;
COMMENT ON VIEW gim.resource_group_fact IS 'Which agent belongs to which group. Keys of facts are uuid; a membership that lasts has ACTIVE_FLAG 1 and ends at the last second of 32 bits, so that BETWEEN START_TS AND END_TS finds it';
COMMENT ON COLUMN gim.resource_group_fact.resource_group_fact_key IS 'Key, uuid';
COMMENT ON COLUMN gim.resource_group_fact.tenant_key IS 'Tenant';
COMMENT ON COLUMN gim.resource_group_fact.start_date_time_key IS 'Interval of 15 minutes of the start';
COMMENT ON COLUMN gim.resource_group_fact.end_date_time_key IS 'Interval of the end; 2147482800 while it lasts';
COMMENT ON COLUMN gim.resource_group_fact.resource_key IS 'Agent';
COMMENT ON COLUMN gim.resource_group_fact.group_key IS 'Group';
COMMENT ON COLUMN gim.resource_group_fact.create_audit_key IS 'Load that inserted the row';
COMMENT ON COLUMN gim.resource_group_fact.update_audit_key IS 'Load that changed it last';
COMMENT ON COLUMN gim.resource_group_fact.start_ts IS 'Begin of the membership, epoch seconds';
COMMENT ON COLUMN gim.resource_group_fact.end_ts IS 'End, epoch seconds; 2147483647 while it lasts';
COMMENT ON COLUMN gim.resource_group_fact.active_flag IS '1 while it lasts, else 0';

CREATE VIEW gim.resource_ AS
SELECT
    member.resource_key,
    member.tenant_key,
    -2::bigint AS create_audit_key,
    -2::bigint AS update_audit_key,
    CASE member.resource_type_code
        WHEN 'AGENT' THEN 'Agent'
        WHEN 'QUEUE' THEN 'Queue'
        WHEN 'ROUTINGPOINT' THEN 'RoutingPoint'
        WHEN 'EXTERNAL' THEN 'External'
        WHEN 'UNKNOWN' THEN 'Unknown'
        ELSE 'None'
    END AS resource_type,
    member.resource_type_code,
    CASE member.resource_type_code
        WHEN 'AGENT' THEN 'Agent'
        WHEN 'QUEUE' THEN 'ACDQueue'
        WHEN 'ROUTINGPOINT' THEN 'RoutingPoint'
        WHEN 'EXTERNAL' THEN 'External'
        WHEN 'UNKNOWN' THEN 'Unknown'
        ELSE 'None'
    END AS resource_subtype,
    CASE member.resource_type_code WHEN 'QUEUE' THEN 'ACDQUEUE' ELSE member.resource_type_code END AS resource_subtype_code,
    member.resource_name,
    member.natural_name AS resource_alias,
    CASE WHEN member.resource_type_code = 'AGENT' THEN split_part(member.resource_name, ' ', 1) END AS agent_first_name,
    CASE
        WHEN member.resource_type_code = 'AGENT'
            THEN nullif(substr(member.resource_name, strpos(member.resource_name, ' ') + 1), member.resource_name)
    END AS agent_last_name,
    member.employee_id,
    source.name AS switch_name,
    (member.first_seen_at AT TIME ZONE 'UTC')::timestamp(3) AS gmt_start_time,
    (member.gmt_end_at AT TIME ZONE 'UTC')::timestamp(3) AS gmt_end_time,
    floor(extract(epoch FROM member.first_seen_at))::bigint AS start_ts,
    floor(extract(epoch FROM member.gmt_end_at))::bigint AS end_ts
FROM mart.resource_ AS member
LEFT JOIN cfg.source AS source USING (source_key);
COMMENT ON VIEW gim.resource_ IS 'Agents, queues and other numbers; -1 unknown, -2 no value. Keys of dimensions are hashes of 60 bits';
COMMENT ON COLUMN gim.resource_.resource_key IS 'Key';
COMMENT ON COLUMN gim.resource_.tenant_key IS 'Tenant';
COMMENT ON COLUMN gim.resource_.create_audit_key IS 'Constant -2: dimensions are not audited';
COMMENT ON COLUMN gim.resource_.update_audit_key IS 'Constant -2: dimensions are not audited';
COMMENT ON COLUMN gim.resource_.resource_type IS 'Agent, Queue, RoutingPoint, External';
COMMENT ON COLUMN gim.resource_.resource_type_code IS 'AGENT, QUEUE, ROUTINGPOINT, EXTERNAL; NONE and UNKNOWN of the special members';
COMMENT ON COLUMN gim.resource_.resource_subtype IS 'Of a queue ACDQueue, else as the type';
COMMENT ON COLUMN gim.resource_.resource_subtype_code IS 'Code of the subtype';
COMMENT ON COLUMN gim.resource_.resource_name IS 'Latest name';
COMMENT ON COLUMN gim.resource_.resource_alias IS 'Interface, queue or number by which the switch knows it';
COMMENT ON COLUMN gim.resource_.agent_first_name IS 'Of an agent: the name up to the first space';
COMMENT ON COLUMN gim.resource_.agent_last_name IS 'Of an agent: the rest of the name; NULL none';
COMMENT ON COLUMN gim.resource_.employee_id IS 'Of an agent: the number in its interface';
COMMENT ON COLUMN gim.resource_.switch_name IS 'Source; NULL of the special members';
COMMENT ON COLUMN gim.resource_.gmt_start_time IS 'Earliest event that names it, UTC';
COMMENT ON COLUMN gim.resource_.gmt_end_time IS 'End of life, UTC; NULL not removed';
COMMENT ON COLUMN gim.resource_.start_ts IS 'Earliest event that names it, epoch seconds';
COMMENT ON COLUMN gim.resource_.end_ts IS 'End of life, epoch seconds; NULL not removed';

CREATE VIEW gim.group_ AS
SELECT
    member.group_key,
    member.tenant_key,
    -2::bigint AS create_audit_key,
    -2::bigint AS update_audit_key,
    CASE member.group_key WHEN -2 THEN 'No Group' ELSE member.group_name END AS group_name,
    CASE member.group_type_code WHEN 'AGENT' THEN 'Agent' WHEN 'UNKNOWN' THEN 'Unknown' ELSE 'No value' END AS group_type,
    member.group_type_code
FROM mart.group_ AS member;
COMMENT ON VIEW gim.group_ IS 'Groups of agents: those who may take calls of one queue; -1 unknown, -2 no value';
COMMENT ON COLUMN gim.group_.group_key IS 'Key';
COMMENT ON COLUMN gim.group_.tenant_key IS 'Tenant';
COMMENT ON COLUMN gim.group_.create_audit_key IS 'Constant -2: dimensions are not audited';
COMMENT ON COLUMN gim.group_.update_audit_key IS 'Constant -2: dimensions are not audited';
COMMENT ON COLUMN gim.group_.group_name IS 'Name: the queue''s; No Group of -2';
COMMENT ON COLUMN gim.group_.group_type IS 'Agent';
COMMENT ON COLUMN gim.group_.group_type_code IS 'AGENT';

CREATE VIEW gim.resource_group_combination AS
SELECT
    member.group_key AS group_combination_key,
    member.group_key,
    member.tenant_key,
    -2::bigint AS create_audit_key,
    -2::bigint AS update_audit_key
FROM mart.group_ AS member
WHERE member.group_key < 0;
COMMENT ON VIEW gim.resource_group_combination IS 'Combinations of groups: only the special members, since facts carry -2; memberships are in RESOURCE_GROUP_FACT';
COMMENT ON COLUMN gim.resource_group_combination.group_combination_key IS 'Key; -1 unknown, -2 no value';
COMMENT ON COLUMN gim.resource_group_combination.group_key IS 'Group, the same member';
COMMENT ON COLUMN gim.resource_group_combination.tenant_key IS 'Tenant';
COMMENT ON COLUMN gim.resource_group_combination.create_audit_key IS 'Constant -2: dimensions are not audited';
COMMENT ON COLUMN gim.resource_group_combination.update_audit_key IS 'Constant -2: dimensions are not audited';

CREATE VIEW gim.place AS
SELECT
    member.tenant_key AS place_key,
    member.tenant_key,
    -2::bigint AS create_audit_key,
    -2::bigint AS update_audit_key,
    member.tenant_name AS place_name
FROM mart.tenant AS member
WHERE member.tenant_key < 0;
COMMENT ON VIEW gim.place IS 'Places: only the special members, so that joins find what facts carry';
COMMENT ON COLUMN gim.place.place_key IS 'Key; -1 unknown, -2 no value';
COMMENT ON COLUMN gim.place.tenant_key IS 'Tenant, the same member';
COMMENT ON COLUMN gim.place.create_audit_key IS 'Constant -2: dimensions are not audited';
COMMENT ON COLUMN gim.place.update_audit_key IS 'Constant -2: dimensions are not audited';
COMMENT ON COLUMN gim.place.place_name IS 'UNKNOWN, NO_VALUE';

CREATE VIEW gim.routing_target AS
SELECT
    member.tenant_key AS routing_target_key,
    member.tenant_key,
    -2::bigint AS create_audit_key,
    -2::bigint AS update_audit_key,
    member.tenant_name AS routing_target_type,
    member.tenant_name AS routing_target_type_code,
    member.tenant_name AS agent_group_name,
    member.tenant_name AS place_group_name,
    member.tenant_name AS skill_expression,
    member.tenant_name AS target_object_selected
FROM mart.tenant AS member
WHERE member.tenant_key < 0;
COMMENT ON VIEW gim.routing_target IS 'Routing targets: only the special members, so that joins find what facts carry';
COMMENT ON COLUMN gim.routing_target.routing_target_key IS 'Key; -1 unknown, -2 no value';
COMMENT ON COLUMN gim.routing_target.tenant_key IS 'Tenant, the same member';
COMMENT ON COLUMN gim.routing_target.create_audit_key IS 'Constant -2: dimensions are not audited';
COMMENT ON COLUMN gim.routing_target.update_audit_key IS 'Constant -2: dimensions are not audited';
COMMENT ON COLUMN gim.routing_target.routing_target_type IS 'UNKNOWN, NO_VALUE';
COMMENT ON COLUMN gim.routing_target.routing_target_type_code IS 'UNKNOWN, NO_VALUE';
COMMENT ON COLUMN gim.routing_target.agent_group_name IS 'UNKNOWN, NO_VALUE';
COMMENT ON COLUMN gim.routing_target.place_group_name IS 'UNKNOWN, NO_VALUE';
COMMENT ON COLUMN gim.routing_target.skill_expression IS 'UNKNOWN, NO_VALUE';
COMMENT ON COLUMN gim.routing_target.target_object_selected IS 'UNKNOWN, NO_VALUE';

CREATE VIEW gim.tenant AS
SELECT
    member.tenant_key,
    -2::bigint AS create_audit_key,
    -2::bigint AS update_audit_key,
    member.tenant_name
FROM mart.tenant AS member;
COMMENT ON VIEW gim.tenant IS 'Tenants; -1 unknown, -2 no value';
COMMENT ON COLUMN gim.tenant.tenant_key IS 'Key';
COMMENT ON COLUMN gim.tenant.create_audit_key IS 'Constant -2: dimensions are not audited';
COMMENT ON COLUMN gim.tenant.update_audit_key IS 'Constant -2: dimensions are not audited';
COMMENT ON COLUMN gim.tenant.tenant_name IS 'Name';

CREATE VIEW gim.media_type AS
SELECT
    member.media_type_key,
    -2::bigint AS create_audit_key,
    -2::bigint AS update_audit_key,
    member.media_name,
    member.media_name_code,
    member.is_online::integer::smallint AS is_online
FROM mart.media_type AS member;
COMMENT ON VIEW gim.media_type IS 'Kinds of media; -1 unknown, -2 no value';
COMMENT ON COLUMN gim.media_type.media_type_key IS 'Key';
COMMENT ON COLUMN gim.media_type.create_audit_key IS 'Constant -2: dimensions are not audited';
COMMENT ON COLUMN gim.media_type.update_audit_key IS 'Constant -2: dimensions are not audited';
COMMENT ON COLUMN gim.media_type.media_name IS 'Name';
COMMENT ON COLUMN gim.media_type.media_name_code IS 'Code, such as VOICE';
COMMENT ON COLUMN gim.media_type.is_online IS '1 when both sides are present at the same time, else 0';

CREATE VIEW gim.interaction_type AS
SELECT
    member.interaction_type_key,
    -2::bigint AS create_audit_key,
    -2::bigint AS update_audit_key,
    member.interaction_type,
    member.interaction_type_code,
    member.interaction_subtype,
    member.interaction_subtype_code,
    0::smallint AS ignore
FROM mart.interaction_type AS member;
COMMENT ON VIEW gim.interaction_type IS 'Directions of an interaction; -1 unknown, -2 no value';
COMMENT ON COLUMN gim.interaction_type.interaction_type_key IS 'Key';
COMMENT ON COLUMN gim.interaction_type.create_audit_key IS 'Constant -2: dimensions are not audited';
COMMENT ON COLUMN gim.interaction_type.update_audit_key IS 'Constant -2: dimensions are not audited';
COMMENT ON COLUMN gim.interaction_type.interaction_type IS 'Name';
COMMENT ON COLUMN gim.interaction_type.interaction_type_code IS 'INBOUND, OUTBOUND, INTERNAL, UNKNOWN, NO_VALUE';
COMMENT ON COLUMN gim.interaction_type.interaction_subtype IS 'Name of the subtype';
COMMENT ON COLUMN gim.interaction_type.interaction_subtype_code IS 'UNSPECIFIED, UNKNOWN, NO_VALUE';
COMMENT ON COLUMN gim.interaction_type.ignore IS 'Constant 0: no subtype is left out';

CREATE VIEW gim.technical_descriptor AS
SELECT
    member.technical_descriptor_key,
    -2::bigint AS create_audit_key,
    -2::bigint AS update_audit_key,
    member.technical_result,
    upper(member.technical_result) AS technical_result_code,
    member.result_reason,
    upper(member.result_reason) AS result_reason_code,
    member.resource_role,
    upper(member.resource_role) AS resource_role_code,
    member.role_reason,
    upper(member.role_reason) AS role_reason_code
FROM mart.technical_descriptor AS member;
COMMENT ON VIEW gim.technical_descriptor IS 'How a resource took part and what came of it; -1 unknown, -2 no value';
COMMENT ON COLUMN gim.technical_descriptor.technical_descriptor_key IS 'Key';
COMMENT ON COLUMN gim.technical_descriptor.create_audit_key IS 'Constant -2: dimensions are not audited';
COMMENT ON COLUMN gim.technical_descriptor.update_audit_key IS 'Constant -2: dimensions are not audited';
COMMENT ON COLUMN gim.technical_descriptor.technical_result IS 'Outcome for the resource';
COMMENT ON COLUMN gim.technical_descriptor.technical_result_code IS 'Code of TECHNICAL_RESULT: its name in capitals';
COMMENT ON COLUMN gim.technical_descriptor.result_reason IS 'Why';
COMMENT ON COLUMN gim.technical_descriptor.result_reason_code IS 'Code of RESULT_REASON: its name in capitals';
COMMENT ON COLUMN gim.technical_descriptor.resource_role IS 'How the resource came into the interaction';
COMMENT ON COLUMN gim.technical_descriptor.resource_role_code IS 'Code of RESOURCE_ROLE: its name in capitals';
COMMENT ON COLUMN gim.technical_descriptor.role_reason IS 'Why it has that role';
COMMENT ON COLUMN gim.technical_descriptor.role_reason_code IS 'Code of ROLE_REASON: its name in capitals';

CREATE VIEW gim.resource_state AS
SELECT
    member.resource_state_key,
    -2::bigint AS create_audit_key,
    -2::bigint AS update_audit_key,
    member.state_type,
    member.state_type_code,
    member.state_name,
    member.state_name_code
FROM mart.resource_state AS member;
COMMENT ON VIEW gim.resource_state IS 'States of an agent; -1 unknown, -2 no value';
COMMENT ON COLUMN gim.resource_state.resource_state_key IS 'Key';
COMMENT ON COLUMN gim.resource_state.create_audit_key IS 'Constant -2: dimensions are not audited';
COMMENT ON COLUMN gim.resource_state.update_audit_key IS 'Constant -2: dimensions are not audited';
COMMENT ON COLUMN gim.resource_state.state_type IS 'State over all media';
COMMENT ON COLUMN gim.resource_state.state_type_code IS 'Code of it';
COMMENT ON COLUMN gim.resource_state.state_name IS 'State in a medium: LoggedOnOnly, Ready, NotReady, AfterCallWork, Busy';
COMMENT ON COLUMN gim.resource_state.state_name_code IS 'Code of it';

CREATE VIEW gim.resource_state_reason AS
SELECT
    member.resource_state_reason_key,
    CASE WHEN member.resource_state_reason_key < 0 THEN member.resource_state_reason_key::integer ELSE 1 END AS tenant_key,
    -2::bigint AS create_audit_key,
    -2::bigint AS update_audit_key,
    CASE member.reason_type
        WHEN 'SOFTWARE' THEN 'Software'
        WHEN 'SWITCH' THEN 'Hardware'
        WHEN 'UNKNOWN' THEN 'Unknown'
        ELSE 'No value'
    END AS reason_type,
    CASE member.reason_type WHEN 'SWITCH' THEN 'HARDWARE' ELSE member.reason_type END AS reason_type_code,
    CASE WHEN member.reason_type <> 'SOFTWARE' THEN member.software_reason END AS hardware_reason,
    CASE member.reason_type WHEN 'SOFTWARE' THEN 'ReasonCode' WHEN 'SWITCH' THEN NULL ELSE member.reason_type END AS software_reason_key,
    CASE WHEN member.reason_type <> 'SWITCH' THEN member.software_reason END AS software_reason_value,
    NULL::text AS workmode,
    NULL::text AS workmode_code,
    NULL::smallint AS purge_flag
FROM mart.resource_state_reason AS member;
COMMENT ON VIEW gim.resource_state_reason IS 'Reasons of an agent''s state; -1 unknown, -2 no value';
COMMENT ON COLUMN gim.resource_state_reason.resource_state_reason_key IS 'Key';
COMMENT ON COLUMN gim.resource_state_reason.tenant_key IS 'Tenant';
COMMENT ON COLUMN gim.resource_state_reason.create_audit_key IS 'Constant -2: dimensions are not audited';
COMMENT ON COLUMN gim.resource_state_reason.update_audit_key IS 'Constant -2: dimensions are not audited';
COMMENT ON COLUMN gim.resource_state_reason.reason_type IS 'Software: given with the request; Hardware: set by the switch itself';
COMMENT ON COLUMN gim.resource_state_reason.reason_type_code IS 'Code of it';
COMMENT ON COLUMN gim.resource_state_reason.hardware_reason IS 'Text of a reason that the switch set';
COMMENT ON COLUMN gim.resource_state_reason.software_reason_key IS 'ReasonCode where the reason was given with the request';
COMMENT ON COLUMN gim.resource_state_reason.software_reason_value IS 'Text of a reason that was given with the request';
COMMENT ON COLUMN gim.resource_state_reason.workmode IS 'Constant NULL: a switch tells no work modes';
COMMENT ON COLUMN gim.resource_state_reason.workmode_code IS 'Constant NULL, likewise';
COMMENT ON COLUMN gim.resource_state_reason.purge_flag IS 'Constant NULL: purging leaves no marks';

CREATE VIEW gim.interaction_resource_state AS
SELECT
    member.interaction_resource_state_key,
    -2::bigint AS create_audit_key,
    -2::bigint AS update_audit_key,
    member.state_name,
    member.state_name_code,
    member.state_role,
    member.state_role_code,
    NULL::text AS state_descriptor,
    NULL::text AS state_descriptor_code,
    NULL::smallint AS purge_flag
FROM mart.interaction_resource_state AS member;
COMMENT ON VIEW gim.interaction_resource_state IS 'States of a resource inside an interaction; -1 unknown, -2 no value';
COMMENT ON COLUMN gim.interaction_resource_state.interaction_resource_state_key IS 'Key';
COMMENT ON COLUMN gim.interaction_resource_state.create_audit_key IS 'Constant -2: dimensions are not audited';
COMMENT ON COLUMN gim.interaction_resource_state.update_audit_key IS 'Constant -2: dimensions are not audited';
COMMENT ON COLUMN gim.interaction_resource_state.state_name IS 'State: Initiate, Ringing, Talking, Hold, Wrap';
COMMENT ON COLUMN gim.interaction_resource_state.state_name_code IS 'Code of it';
COMMENT ON COLUMN gim.interaction_resource_state.state_role IS 'Initiator or Receiver';
COMMENT ON COLUMN gim.interaction_resource_state.state_role_code IS 'Code of it';
COMMENT ON COLUMN gim.interaction_resource_state.state_descriptor IS 'Constant NULL: states are not divided further';
COMMENT ON COLUMN gim.interaction_resource_state.state_descriptor_code IS 'Constant NULL, likewise';
COMMENT ON COLUMN gim.interaction_resource_state.purge_flag IS 'Constant NULL: purging leaves no marks';

CREATE VIEW gim.date_time AS
SELECT
    member.date_time_key,
    member.date_time_30min_key,
    member.date_time_hour_key,
    member.date_time_day_key,
    member.date_time_next_day_key,
    member.date_time_week_key,
    member.date_time_month_key,
    member.date_time_quarter_key,
    member.date_time_year_key,
    -2::bigint AS create_audit_key,
    -2::bigint AS update_audit_key,
    (member.cal_date AT TIME ZONE 'UTC')::timestamp(3) AS cal_date,
    member.label_yyyy,
    member.label_yyyy_mm,
    member.label_yyyy_mm_dd,
    member.label_yyyy_mm_dd_hh24,
    member.label_yyyy_mm_dd_hh24_15int,
    member.cal_day_num_in_week,
    member.cal_day_name,
    member.cal_month_num_in_year,
    member.cal_month_name,
    member.cal_quarter_num_in_year,
    member.cal_hour_24_num_in_day
FROM mart.date_time AS member;
COMMENT ON VIEW gim.date_time IS 'Intervals of 15 minutes, in UTC';
COMMENT ON COLUMN gim.date_time.date_time_key IS 'Epoch second at which the interval begins';
COMMENT ON COLUMN gim.date_time.date_time_30min_key IS 'Interval of 30 minutes';
COMMENT ON COLUMN gim.date_time.date_time_hour_key IS 'Hour';
COMMENT ON COLUMN gim.date_time.date_time_day_key IS 'Day';
COMMENT ON COLUMN gim.date_time.date_time_next_day_key IS 'Day after';
COMMENT ON COLUMN gim.date_time.date_time_week_key IS 'Week, from Monday';
COMMENT ON COLUMN gim.date_time.date_time_month_key IS 'Month';
COMMENT ON COLUMN gim.date_time.date_time_quarter_key IS 'Quarter';
COMMENT ON COLUMN gim.date_time.date_time_year_key IS 'Year';
COMMENT ON COLUMN gim.date_time.create_audit_key IS 'Constant -2: dimensions are not audited';
COMMENT ON COLUMN gim.date_time.update_audit_key IS 'Constant -2: dimensions are not audited';
COMMENT ON COLUMN gim.date_time.cal_date IS 'Begin of the interval, UTC';
COMMENT ON COLUMN gim.date_time.label_yyyy IS 'Year as text';
COMMENT ON COLUMN gim.date_time.label_yyyy_mm IS 'Year and month';
COMMENT ON COLUMN gim.date_time.label_yyyy_mm_dd IS 'Date';
COMMENT ON COLUMN gim.date_time.label_yyyy_mm_dd_hh24 IS 'Date and hour';
COMMENT ON COLUMN gim.date_time.label_yyyy_mm_dd_hh24_15int IS 'Date and interval';
COMMENT ON COLUMN gim.date_time.cal_day_num_in_week IS '1 Monday to 7 Sunday';
COMMENT ON COLUMN gim.date_time.cal_day_name IS 'Day of the week';
COMMENT ON COLUMN gim.date_time.cal_month_num_in_year IS 'Month';
COMMENT ON COLUMN gim.date_time.cal_month_name IS 'Month''s name';
COMMENT ON COLUMN gim.date_time.cal_quarter_num_in_year IS 'Quarter';
COMMENT ON COLUMN gim.date_time.cal_hour_24_num_in_day IS 'Hour, 0 to 23';

CREATE VIEW gim.ctl_audit_log AS
SELECT
    fact.audit_key,
    -2 AS processing_status_key,
    fact.min_date_time_key AS min_start_date_time_key,
    fact.max_date_time_key AS max_start_date_time_key,
    -2::bigint AS data_source_key,
    -2 AS producer_info_key,
    fact.job || '-' || fact.audit_key AS job_id,
    (fact.created_at AT TIME ZONE 'UTC')::timestamp(3) AS created,
    (fact.created_at AT TIME ZONE 'UTC')::timestamp(3) AS inserted,
    NULL::bigint AS max_chunk_ts,
    fact.row_count,
    floor(extract(epoch FROM fact.created_at))::bigint AS created_ts
FROM ctl.audit_log AS fact;
COMMENT ON VIEW gim.ctl_audit_log IS 'One row a committed load: what it touched; the target of every audit key';
COMMENT ON COLUMN gim.ctl_audit_log.audit_key IS 'Number of the load, rising with time';
COMMENT ON COLUMN gim.ctl_audit_log.processing_status_key IS 'Constant -2: a load has every kind of data';
COMMENT ON COLUMN gim.ctl_audit_log.min_start_date_time_key IS 'Earliest interval touched';
COMMENT ON COLUMN gim.ctl_audit_log.max_start_date_time_key IS 'Latest interval touched';
COMMENT ON COLUMN gim.ctl_audit_log.data_source_key IS 'Constant -2: a load has every source';
COMMENT ON COLUMN gim.ctl_audit_log.producer_info_key IS 'Constant -2: no such producer';
COMMENT ON COLUMN gim.ctl_audit_log.job_id IS 'Job and number of the load';
COMMENT ON COLUMN gim.ctl_audit_log.created IS 'When the load was committed, UTC';
COMMENT ON COLUMN gim.ctl_audit_log.inserted IS 'The same';
COMMENT ON COLUMN gim.ctl_audit_log.max_chunk_ts IS 'Constant NULL: data are not cut into chunks';
COMMENT ON COLUMN gim.ctl_audit_log.row_count IS 'Rows inserted, updated and deleted';
COMMENT ON COLUMN gim.ctl_audit_log.created_ts IS 'When the load was committed, epoch seconds';

CREATE VIEW gim.ctl_extract_history AS
SELECT
    fact.source_key AS data_source_key,
    fact.collector_key AS icon_dbid,
    -2::bigint AS create_audit_key,
    collector.idb_schema || '.event' AS table_name,
    1 AS data_source_type,
    fact.rows_read AS row_count,
    (fact.last_event_at AT TIME ZONE 'UTC')::timestamp(3) AS max_time,
    floor(extract(epoch FROM fact.last_event_at))::bigint AS max_ts,
    NULL::bigint AS dss_id,
    NULL::integer AS providertag,
    (fact.started_at AT TIME ZONE 'UTC')::timestamp(3) AS extract_start_time,
    (fact.ended_at AT TIME ZONE 'UTC')::timestamp(3) AS extract_end_time,
    'extract-' || fact.extract_key AS job_id,
    'Job_ExtractICON' AS job_name,
    NULL::text AS job_version,
    collector.name AS dap_name,
    floor(extract(epoch FROM fact.ended_at))::bigint AS created_ts
FROM ctl.extract_history AS fact
LEFT JOIN cfg.collector AS collector USING (collector_key);
COMMENT ON VIEW gim.ctl_extract_history IS 'One row an extraction of one interaction database that brought rows';
COMMENT ON COLUMN gim.ctl_extract_history.data_source_key IS 'Source of the events';
COMMENT ON COLUMN gim.ctl_extract_history.icon_dbid IS 'Collector that wrote the interaction database';
COMMENT ON COLUMN gim.ctl_extract_history.create_audit_key IS 'Constant -2: an extraction is known by its batch, see JOB_ID';
COMMENT ON COLUMN gim.ctl_extract_history.table_name IS 'Table read; NULL when its collector is no longer known';
COMMENT ON COLUMN gim.ctl_extract_history.data_source_type IS 'Constant 1: a telephony server';
COMMENT ON COLUMN gim.ctl_extract_history.row_count IS 'Rows read';
COMMENT ON COLUMN gim.ctl_extract_history.max_time IS 'Latest event read, UTC';
COMMENT ON COLUMN gim.ctl_extract_history.max_ts IS 'Latest event read, epoch seconds';
COMMENT ON COLUMN gim.ctl_extract_history.dss_id IS 'Constant NULL: sessions of a collector are in the interaction database';
COMMENT ON COLUMN gim.ctl_extract_history.providertag IS 'Constant NULL: there is one kind of provider';
COMMENT ON COLUMN gim.ctl_extract_history.extract_start_time IS 'When the extraction began, UTC';
COMMENT ON COLUMN gim.ctl_extract_history.extract_end_time IS 'When it was done, UTC';
COMMENT ON COLUMN gim.ctl_extract_history.job_id IS 'Batch of the extraction';
COMMENT ON COLUMN gim.ctl_extract_history.job_name IS 'Constant Job_ExtractICON';
COMMENT ON COLUMN gim.ctl_extract_history.job_version IS 'Constant NULL: not recorded';
COMMENT ON COLUMN gim.ctl_extract_history.dap_name IS 'Name of the collector; NULL when it is no longer known';
COMMENT ON COLUMN gim.ctl_extract_history.created_ts IS 'When it was done, epoch seconds';

CREATE VIEW gim.admin_extract_history AS
SELECT
    history.data_source_key,
    history.icon_dbid,
    history.create_audit_key,
    history.table_name,
    history.data_source_type,
    history.row_count,
    history.max_time,
    history.max_ts,
    history.dss_id,
    history.providertag,
    history.extract_start_time,
    history.extract_end_time,
    history.job_id,
    history.job_name,
    history.job_version,
    history.dap_name,
    history.created_ts
FROM gim.ctl_extract_history AS history;
COMMENT ON VIEW gim.admin_extract_history IS 'CTL_EXTRACT_HISTORY under the name that administrators know';
COMMENT ON COLUMN gim.admin_extract_history.data_source_key IS 'Source of the events';
COMMENT ON COLUMN gim.admin_extract_history.icon_dbid IS 'Collector that wrote the interaction database';
COMMENT ON COLUMN gim.admin_extract_history.create_audit_key IS 'Constant -2: an extraction is known by its batch, see JOB_ID';
COMMENT ON COLUMN gim.admin_extract_history.table_name IS 'Table read; NULL when its collector is no longer known';
COMMENT ON COLUMN gim.admin_extract_history.data_source_type IS 'Constant 1: a telephony server';
COMMENT ON COLUMN gim.admin_extract_history.row_count IS 'Rows read';
COMMENT ON COLUMN gim.admin_extract_history.max_time IS 'Latest event read, UTC';
COMMENT ON COLUMN gim.admin_extract_history.max_ts IS 'Latest event read, epoch seconds';
COMMENT ON COLUMN gim.admin_extract_history.dss_id IS 'Constant NULL: sessions of a collector are in the interaction database';
COMMENT ON COLUMN gim.admin_extract_history.providertag IS 'Constant NULL: there is one kind of provider';
COMMENT ON COLUMN gim.admin_extract_history.extract_start_time IS 'When the extraction began, UTC';
COMMENT ON COLUMN gim.admin_extract_history.extract_end_time IS 'When it was done, UTC';
COMMENT ON COLUMN gim.admin_extract_history.job_id IS 'Batch of the extraction';
COMMENT ON COLUMN gim.admin_extract_history.job_name IS 'Constant Job_ExtractICON';
COMMENT ON COLUMN gim.admin_extract_history.job_version IS 'Constant NULL: not recorded';
COMMENT ON COLUMN gim.admin_extract_history.dap_name IS 'Name of the collector; NULL when it is no longer known';
COMMENT ON COLUMN gim.admin_extract_history.created_ts IS 'When it was done, epoch seconds';

CREATE VIEW gim.ctl_transform_history AS
SELECT
    fact.audit_key,
    'transform-' || fact.audit_key AS job_id,
    NULL::text AS job_version,
    'gidb.event' AS hwm_name,
    NULL::bigint AS hwm_value,
    NULL::text AS hwm_value2,
    (fact.started_at AT TIME ZONE 'UTC')::timestamp(3) AS transform_start_time,
    (fact.ended_at AT TIME ZONE 'UTC')::timestamp(3) AS transform_end_time,
    fact.events AS row_count,
    floor(extract(epoch FROM fact.ended_at))::bigint AS created_ts
FROM ctl.transform_history AS fact;
COMMENT ON VIEW gim.ctl_transform_history IS 'One row a committed transformation';
COMMENT ON COLUMN gim.ctl_transform_history.audit_key IS 'Its load';
COMMENT ON COLUMN gim.ctl_transform_history.job_id IS 'Job and number of the load';
COMMENT ON COLUMN gim.ctl_transform_history.job_version IS 'Constant NULL: not recorded';
COMMENT ON COLUMN gim.ctl_transform_history.hwm_name IS 'Constant gidb.event: the table read';
COMMENT ON COLUMN gim.ctl_transform_history.hwm_value IS 'Constant NULL: what to transform is known by interaction, not by a mark';
COMMENT ON COLUMN gim.ctl_transform_history.hwm_value2 IS 'Constant NULL, likewise';
COMMENT ON COLUMN gim.ctl_transform_history.transform_start_time IS 'When it began, UTC';
COMMENT ON COLUMN gim.ctl_transform_history.transform_end_time IS 'When it was done, UTC';
COMMENT ON COLUMN gim.ctl_transform_history.row_count IS 'Events read';
COMMENT ON COLUMN gim.ctl_transform_history.created_ts IS 'When it was done, epoch seconds';

CREATE VIEW gim.stg_transform_discards AS
SELECT
    interaction.interaction_id,
    fact.audit_key AS create_audit_key,
    mart.date_time_key(fact.discarded_at) AS etl_date_time_key,
    'gidb.event' AS table_name,
    fact.root_id AS guid,
    fact.code,
    fact.reason,
    floor(extract(epoch FROM fact.discarded_at))::bigint AS etl_ts
FROM ctl.transform_discard AS fact
LEFT JOIN gidb.interaction AS interaction USING (source_key, root_id);
COMMENT ON VIEW gim.stg_transform_discards IS 'Interactions that break a rule: in the facts they have their INTERACTION_FACT row alone';
COMMENT ON COLUMN gim.stg_transform_discards.interaction_id IS 'Interaction, uuid; NULL when it never reached the facts';
COMMENT ON COLUMN gim.stg_transform_discards.create_audit_key IS 'Load that discarded it';
COMMENT ON COLUMN gim.stg_transform_discards.etl_date_time_key IS 'Interval in which it was discarded';
COMMENT ON COLUMN gim.stg_transform_discards.table_name IS 'Constant gidb.event: the table read';
COMMENT ON COLUMN gim.stg_transform_discards.guid IS 'Root call';
COMMENT ON COLUMN gim.stg_transform_discards.code IS 'Rule that it breaks, a text';
COMMENT ON COLUMN gim.stg_transform_discards.reason IS 'What is wrong, with the values';
COMMENT ON COLUMN gim.stg_transform_discards.etl_ts IS 'When it was discarded, epoch seconds';

CREATE VIEW mart.queue_visit AS
SELECT
    source.name AS source_name,
    visit.channel_id AS uniqueid,
    queue.natural_name AS queue,
    visit.entry_ordinal AS nth,
    visit.result,
    agent.natural_name AS agent,
    agent.resource_name AS agent_name,
    CASE WHEN visit.result <> 'unknown' THEN visit.total_duration_ms / 1000.0 END::numeric(12, 3) AS wait_s,
    ended.talk_s::numeric(12, 3) AS talk_s,
    ended.hold_s::numeric(12, 3) AS hold_s,
    coalesce(answer.transferred_flag, 0::smallint) AS transferred,
    visit.entered_by,
    visit.start_at,
    CASE WHEN visit.result = 'answered' THEN visit.end_at END AS answered_at,
    CASE WHEN visit.result = 'answered' THEN ended.end_at WHEN visit.result <> 'unknown' THEN visit.end_at END AS end_at,
    visit.interaction_id
FROM mart.mediation_segment_fact AS visit
LEFT JOIN cfg.source AS source ON source.source_key = visit.source_key
LEFT JOIN mart.resource_ AS queue ON queue.resource_key = visit.resource_key
LEFT JOIN mart.interaction_resource_fact AS answer
    ON answer.tenant_key = visit.tenant_key
    AND answer.start_date_time_key = visit.target_ixn_resource_sdt_key
    AND answer.interaction_resource_id = visit.target_ixn_resource_id
LEFT JOIN mart.resource_ AS agent ON agent.resource_key = answer.resource_key
LEFT JOIN LATERAL (
    SELECT
        answer.end_at,
        (mart.epoch_ms(answer.end_at) - mart.epoch_ms(answer.answered_at)) / 1000.0 AS talk_s,
        (
            answer.hold_duration_ms
            + answer.customer_hold_duration_ms
            + answer.post_cons_xfer_hold_duration_ms
            + answer.conf_init_hold_duration_ms
            + answer.conf_join_hold_duration_ms
            + answer.cons_init_hold_duration_ms
            + answer.cons_rcv_hold_duration_ms
        ) / 1000.0 AS hold_s
    FROM mart.technical_descriptor AS outcome
    WHERE outcome.technical_descriptor_key = answer.technical_descriptor_key
      AND outcome.technical_result <> 'AbnormalStop'
      AND answer.answered_at IS NOT NULL
      AND answer.end_at IS NOT NULL
) AS ended ON true;
COMMENT ON VIEW mart.queue_visit IS 'One row a visit of a caller to a queue, told as people speak of it; what a switch that died did not tell is NULL, not zero';
COMMENT ON COLUMN mart.queue_visit.source_name IS 'Source';
COMMENT ON COLUMN mart.queue_visit.uniqueid IS 'Channel of the caller';
COMMENT ON COLUMN mart.queue_visit.queue IS 'Queue';
COMMENT ON COLUMN mart.queue_visit.nth IS 'Which visit of this channel to this queue, from 1';
COMMENT ON COLUMN mart.queue_visit.result IS 'answered, abandoned, timeout, exitkey, leaveempty, joinempty, full, unknown; waiting while it lasts';
COMMENT ON COLUMN mart.queue_visit.agent IS 'Interface of who answered; NULL nobody';
COMMENT ON COLUMN mart.queue_visit.agent_name IS 'Latest name of who answered';
COMMENT ON COLUMN mart.queue_visit.wait_s IS 'Entry to answer or to leaving, seconds; NULL while waiting or where it is not known';
COMMENT ON COLUMN mart.queue_visit.talk_s IS 'Answer to the agent''s phone leaving, hold included, seconds; NULL not answered, not ended or not known';
COMMENT ON COLUMN mart.queue_visit.hold_s IS 'Of it hold, waits during consultations included, seconds; NULL likewise';
COMMENT ON COLUMN mart.queue_visit.transferred IS '1 when the agent completed a transfer, else 0';
COMMENT ON COLUMN mart.queue_visit.entered_by IS 'arrival, overflow, transfer, consult';
COMMENT ON COLUMN mart.queue_visit.start_at IS 'Entry';
COMMENT ON COLUMN mart.queue_visit.answered_at IS 'Answer; NULL not answered';
COMMENT ON COLUMN mart.queue_visit.end_at IS 'The agent''s phone left, or the caller left the queue; NULL while it lasts or where it is not known';
COMMENT ON COLUMN mart.queue_visit.interaction_id IS 'Interaction';

CREATE VIEW mart.agent_total AS
SELECT
    source.name AS source_name,
    agent.natural_name AS agent,
    agent.resource_name AS agent_name,
    attempt.attempt_kind,
    count(*) AS attempts,
    count(*) FILTER (WHERE attempt.attempt_kind IN ('queue', 'consult_queue')) AS offered,
    count(attempt.answered_at) AS answered,
    coalesce(sum(ended.talk_s), 0)::numeric(15, 3) AS talk_s,
    coalesce(sum(ended.hold_s), 0)::numeric(15, 3) AS hold_s
FROM mart.interaction_resource_fact AS attempt
JOIN mart.resource_ AS agent ON agent.resource_key = attempt.resource_key AND agent.resource_type_code = 'AGENT'
LEFT JOIN cfg.source AS source ON source.source_key = attempt.source_key
LEFT JOIN LATERAL (
    SELECT
        (mart.epoch_ms(attempt.end_at) - mart.epoch_ms(attempt.answered_at)) / 1000.0 AS talk_s,
        (
            attempt.hold_duration_ms
            + attempt.customer_hold_duration_ms
            + attempt.post_cons_xfer_hold_duration_ms
            + attempt.conf_init_hold_duration_ms
            + attempt.conf_join_hold_duration_ms
            + attempt.cons_init_hold_duration_ms
            + attempt.cons_rcv_hold_duration_ms
        ) / 1000.0 AS hold_s
    FROM mart.technical_descriptor AS outcome
    WHERE outcome.technical_descriptor_key = attempt.technical_descriptor_key
      AND outcome.technical_result <> 'AbnormalStop'
      AND attempt.answered_at IS NOT NULL
      AND attempt.end_at IS NOT NULL
) AS ended ON true
GROUP BY source.name, agent.resource_key, agent.natural_name, agent.resource_name, attempt.attempt_kind;
COMMENT ON VIEW mart.agent_total IS 'Totals of each agent by kind of attempt, over all that the mart holds';
COMMENT ON COLUMN mart.agent_total.source_name IS 'Source';
COMMENT ON COLUMN mart.agent_total.agent IS 'Interface of the agent';
COMMENT ON COLUMN mart.agent_total.agent_name IS 'Latest name of the agent';
COMMENT ON COLUMN mart.agent_total.attempt_kind IS 'queue, consult_queue, direct, consult, internal (received); outbound, internal_out, consult_out (placed)';
COMMENT ON COLUMN mart.agent_total.attempts IS 'Attempts of this kind';
COMMENT ON COLUMN mart.agent_total.offered IS 'Of these, offered by a queue';
COMMENT ON COLUMN mart.agent_total.answered IS 'Of the attempts, answered';
COMMENT ON COLUMN mart.agent_total.talk_s IS 'Answer to the agent''s phone leaving, hold included, seconds; what goes on or has an unknown end left out';
COMMENT ON COLUMN mart.agent_total.hold_s IS 'Of it hold, seconds';

CREATE VIEW mart.queue_total AS
SELECT
    visit.source_name,
    visit.queue,
    count(*) AS visits,
    count(*) FILTER (WHERE visit.result = 'answered') AS answered_count,
    count(*) FILTER (WHERE visit.result = 'abandoned') AS abandoned_count,
    count(*) FILTER (WHERE visit.result = 'timeout') AS timeout_count,
    count(*) FILTER (WHERE visit.result = 'exitkey') AS exitkey_count,
    count(*) FILTER (WHERE visit.result = 'leaveempty') AS leaveempty_count,
    count(*) FILTER (WHERE visit.result = 'joinempty') AS joinempty_count,
    count(*) FILTER (WHERE visit.result = 'full') AS full_count,
    count(*) FILTER (WHERE visit.result = 'unknown') AS unknown_count,
    count(*) FILTER (WHERE visit.result = 'waiting') AS waiting_count,
    count(*) FILTER (WHERE visit.result NOT IN ('answered', 'abandoned', 'timeout', 'exitkey', 'leaveempty',
        'joinempty', 'full', 'unknown', 'waiting')) AS other_count,
    coalesce(sum(visit.wait_s) FILTER (WHERE visit.result = 'answered'), 0)::numeric(15, 3) AS answered_wait_s,
    coalesce(sum(visit.talk_s), 0)::numeric(15, 3) AS talk_s,
    coalesce(sum(visit.hold_s), 0)::numeric(15, 3) AS hold_s
FROM mart.queue_visit AS visit
GROUP BY visit.source_name, visit.queue;
COMMENT ON VIEW mart.queue_total IS 'Totals of each queue, over all that the mart holds; the counts by result add up to the visits';
COMMENT ON COLUMN mart.queue_total.source_name IS 'Source';
COMMENT ON COLUMN mart.queue_total.queue IS 'Queue';
COMMENT ON COLUMN mart.queue_total.visits IS 'Visits, refused tries included';
COMMENT ON COLUMN mart.queue_total.answered_count IS 'Answered';
COMMENT ON COLUMN mart.queue_total.abandoned_count IS 'The caller hung up waiting';
COMMENT ON COLUMN mart.queue_total.timeout_count IS 'Left after the longest wait that the dialplan allows';
COMMENT ON COLUMN mart.queue_total.exitkey_count IS 'Left by pressing a key';
COMMENT ON COLUMN mart.queue_total.leaveempty_count IS 'Put out because no agent was left';
COMMENT ON COLUMN mart.queue_total.joinempty_count IS 'Refused because no agent was there';
COMMENT ON COLUMN mart.queue_total.full_count IS 'Refused because the queue was full';
COMMENT ON COLUMN mart.queue_total.unknown_count IS 'How it ended is not known';
COMMENT ON COLUMN mart.queue_total.waiting_count IS 'Still waiting';
COMMENT ON COLUMN mart.queue_total.other_count IS 'Any other result';
COMMENT ON COLUMN mart.queue_total.answered_wait_s IS 'Wait of the answered, seconds';
COMMENT ON COLUMN mart.queue_total.talk_s IS 'Answer to the agent''s phone leaving, hold included, seconds; what goes on or has an unknown end left out';
COMMENT ON COLUMN mart.queue_total.hold_s IS 'Of it hold, seconds';
