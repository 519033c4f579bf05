-- What administrators ask of the control tables: views with names instead of keys and lengths beside moments; and the indexes by which
-- an audit key or a batch is followed to its load or its extraction without reading all of the history.

CREATE INDEX audit_log_audit_key_ix ON ctl.audit_log (audit_key);
CREATE INDEX extract_history_extract_key_ix ON ctl.extract_history (extract_key);

CREATE VIEW ctl.admin_extract_history AS
SELECT
    history.extract_key,
    source.name AS source,
    collector.name AS collector,
    collector.site,
    history.started_at,
    history.ended_at,
    mart.epoch_ms(history.ended_at) - mart.epoch_ms(history.started_at) AS duration_ms,
    history.rows_read,
    history.rows_new,
    history.from_seq,
    history.to_seq,
    history.last_event_at
FROM ctl.extract_history AS history
LEFT JOIN cfg.source AS source USING (source_key)
LEFT JOIN cfg.collector AS collector USING (collector_key);
COMMENT ON VIEW ctl.admin_extract_history IS 'One row an extraction of one interaction database that moved its mark';
COMMENT ON COLUMN ctl.admin_extract_history.extract_key IS 'Batch of the extraction; where nothing was new, that of the one before';
COMMENT ON COLUMN ctl.admin_extract_history.source IS 'Source of the events; NULL when it is no longer known';
COMMENT ON COLUMN ctl.admin_extract_history.collector IS 'Collector whose interaction database was read; NULL likewise';
COMMENT ON COLUMN ctl.admin_extract_history.site IS 'Site at which that database stands';
COMMENT ON COLUMN ctl.admin_extract_history.started_at IS 'When the extraction began, by the clock of the loader';
COMMENT ON COLUMN ctl.admin_extract_history.ended_at IS 'When it was done, before commit, by the clock of the mart''s server';
COMMENT ON COLUMN ctl.admin_extract_history.duration_ms IS 'Begin to end, milliseconds';
COMMENT ON COLUMN ctl.admin_extract_history.rows_read IS 'Events read; 0 when the twin had delivered them all';
COMMENT ON COLUMN ctl.admin_extract_history.rows_new IS 'Of these, events that were not known from the twin';
COMMENT ON COLUMN ctl.admin_extract_history.from_seq IS 'Mark before it: rows after this one were read';
COMMENT ON COLUMN ctl.admin_extract_history.to_seq IS 'Mark after it: the last row read';
COMMENT ON COLUMN ctl.admin_extract_history.last_event_at IS 'Latest event read, by the source''s clock';

CREATE VIEW ctl.admin_transform_history AS
SELECT
    history.audit_key,
    load.site,
    load.epoch,
    history.started_at,
    history.ended_at,
    mart.epoch_ms(history.ended_at) - mart.epoch_ms(history.started_at) AS duration_ms,
    history.interactions,
    history.resources AS agents,
    history.events,
    history.rows_changed
FROM ctl.transform_history AS history
LEFT JOIN ctl.audit_log AS load USING (audit_key);
COMMENT ON VIEW ctl.admin_transform_history IS 'One row a committed transformation';
COMMENT ON COLUMN ctl.admin_transform_history.audit_key IS 'Its load';
COMMENT ON COLUMN ctl.admin_transform_history.site IS 'Site that loaded';
COMMENT ON COLUMN ctl.admin_transform_history.epoch IS 'Epoch of the topology under which it loaded';
COMMENT ON COLUMN ctl.admin_transform_history.started_at IS 'When it began, by the clock of the loader';
COMMENT ON COLUMN ctl.admin_transform_history.ended_at IS 'When it was done, before commit, by the clock of the mart''s server';
COMMENT ON COLUMN ctl.admin_transform_history.duration_ms IS 'Begin to end, milliseconds';
COMMENT ON COLUMN ctl.admin_transform_history.interactions IS 'Interactions recomputed';
COMMENT ON COLUMN ctl.admin_transform_history.agents IS 'Agents whose states were recomputed';
COMMENT ON COLUMN ctl.admin_transform_history.events IS 'Events of these interactions';
COMMENT ON COLUMN ctl.admin_transform_history.rows_changed IS 'Fact rows inserted, changed or deleted; 0 when all was as it is';

CREATE VIEW ctl.admin_audit_log AS
SELECT
    load.audit_key,
    load.created_at,
    load.job,
    load.site,
    load.epoch,
    load.row_count,
    to_timestamp(load.min_date_time_key) AS from_at,
    to_timestamp(load.max_date_time_key + 1) AS to_at
FROM ctl.audit_log AS load;
COMMENT ON VIEW ctl.admin_audit_log IS 'One row a committed load; the target of create_audit_key and update_audit_key of every fact';
COMMENT ON COLUMN ctl.admin_audit_log.audit_key IS 'Number of the load, rising with time';
COMMENT ON COLUMN ctl.admin_audit_log.created_at IS 'When it was committed';
COMMENT ON COLUMN ctl.admin_audit_log.job IS 'Job that loaded';
COMMENT ON COLUMN ctl.admin_audit_log.site IS 'Site that loaded';
COMMENT ON COLUMN ctl.admin_audit_log.epoch IS 'Epoch of the topology under which it loaded';
COMMENT ON COLUMN ctl.admin_audit_log.row_count IS 'Fact rows inserted, changed or deleted';
COMMENT ON COLUMN ctl.admin_audit_log.from_at IS 'Begin of the first day in which a computed fact starts; NULL none was computed';
COMMENT ON COLUMN ctl.admin_audit_log.to_at IS 'End of the last such day';

CREATE VIEW ctl.admin_discard AS
SELECT
    source.name AS source,
    discard.root_id,
    known.interaction_id,
    discard.code,
    discard.reason,
    discard.first_at,
    discard.discarded_at,
    discard.audit_key
FROM ctl.transform_discard AS discard
LEFT JOIN cfg.source AS source USING (source_key)
LEFT JOIN gidb.interaction AS known USING (source_key, root_id);
COMMENT ON VIEW ctl.admin_discard IS 'One row an interaction that breaks a rule and is kept out of the facts until it is repaired';
COMMENT ON COLUMN ctl.admin_discard.source IS 'Source; NULL when it is no longer known';
COMMENT ON COLUMN ctl.admin_discard.root_id IS 'Interaction, by its root call; twinmart trace interaction takes it';
COMMENT ON COLUMN ctl.admin_discard.interaction_id IS 'Interaction, by the row that it has in interaction_fact all the same';
COMMENT ON COLUMN ctl.admin_discard.code IS 'Rule that it breaks';
COMMENT ON COLUMN ctl.admin_discard.reason IS 'What is wrong, with the values';
COMMENT ON COLUMN ctl.admin_discard.first_at IS 'Earliest event of the interaction';
COMMENT ON COLUMN ctl.admin_discard.discarded_at IS 'When it was discarded first';
COMMENT ON COLUMN ctl.admin_discard.audit_key IS 'Load that did so';

CREATE VIEW ctl.admin_gap AS
SELECT
    gap.gap_key,
    source.name AS source,
    collector.name AS collector,
    collector.site,
    gap.cause,
    gap.from_at,
    gap.to_at,
    extract(epoch FROM coalesce(gap.to_at, now()) - gap.from_at)::numeric(15, 3) AS length_s,
    gap.to_at IS NULL AS is_open,
    gap.filled,
    gap.noted_at
FROM ctl.gap AS gap
LEFT JOIN cfg.source AS source USING (source_key)
LEFT JOIN cfg.collector AS collector USING (collector_key);
COMMENT ON VIEW ctl.admin_gap IS 'One row a hole in the data, with the names of whom it concerns';
COMMENT ON COLUMN ctl.admin_gap.gap_key IS 'Identity of the gap';
COMMENT ON COLUMN ctl.admin_gap.source IS 'Source whose data are missing; NULL when it is no longer known';
COMMENT ON COLUMN ctl.admin_gap.collector IS 'Collector that was blind; NULL: the source itself was silent';
COMMENT ON COLUMN ctl.admin_gap.site IS 'Site of that collector';
COMMENT ON COLUMN ctl.admin_gap.cause IS 'Why: switch-down, not-connected, silent, spool-full';
COMMENT ON COLUMN ctl.admin_gap.from_at IS 'Begin of the silence';
COMMENT ON COLUMN ctl.admin_gap.to_at IS 'End of the silence; NULL: it goes on';
COMMENT ON COLUMN ctl.admin_gap.length_s IS 'Begin to end, or to now, seconds';
COMMENT ON COLUMN ctl.admin_gap.is_open IS 'Whether the silence goes on';
COMMENT ON COLUMN ctl.admin_gap.filled IS 'Whether the twin covers the whole span, so that no data are missing';
COMMENT ON COLUMN ctl.admin_gap.noted_at IS 'When it was noted first';

CREATE VIEW ctl.admin_source_freshness AS
SELECT
    source.name AS source,
    source.site,
    source.enabled,
    taken.last_event_at,
    extract(epoch FROM now() - taken.last_event_at)::numeric(15, 3) AS lag_s,
    taken.moved_at AS extracted_at,
    coalesce(recent.events, 0) AS events_last_hour
FROM cfg.source AS source
LEFT JOIN (
    SELECT collector.source_key, max(mark.last_event_at) AS last_event_at, max(mark.moved_at) AS moved_at
    FROM ctl.extract_watermark AS mark
    JOIN cfg.collector AS collector USING (collector_key)
    GROUP BY collector.source_key
) AS taken USING (source_key)
LEFT JOIN (
    SELECT event.source_key, count(*) AS events
    FROM gidb.event AS event
    WHERE event.at > now() - interval '1 hour'
    GROUP BY event.source_key
) AS recent USING (source_key);
COMMENT ON VIEW ctl.admin_source_freshness IS 'One row a source: how fresh its events in the mart are. A quiet source lags too; whether it was blind is in admin_gap';
COMMENT ON COLUMN ctl.admin_source_freshness.source IS 'Source';
COMMENT ON COLUMN ctl.admin_source_freshness.site IS 'Site at which it stands';
COMMENT ON COLUMN ctl.admin_source_freshness.enabled IS 'Whether it is collected and extracted at all';
COMMENT ON COLUMN ctl.admin_source_freshness.last_event_at IS 'Latest event extracted, by the source''s clock; NULL none yet';
COMMENT ON COLUMN ctl.admin_source_freshness.lag_s IS 'That event to now, seconds; negative when the source''s clock is ahead; NULL none yet';
COMMENT ON COLUMN ctl.admin_source_freshness.extracted_at IS 'When events were extracted last, from either twin; NULL never';
COMMENT ON COLUMN ctl.admin_source_freshness.events_last_hour IS 'Events of the last hour and later, by the source''s clock';
