-- The registries to which the original's control tables refer: data sources, their collectors and access points; and its purges.

CREATE VIEW gim.ctl_ds AS
SELECT
    source.source_key AS data_source_key,
    1 AS data_source_type,
    source.name AS data_source_name,
    source.kind AS protocol,
    source.site,
    CASE WHEN source.enabled THEN 1 ELSE 0 END AS active_flag,
    floor(extract(epoch FROM registered.created_at))::bigint AS created_ts
FROM cfg.source AS source
JOIN cfg.object AS registered ON registered.object_key = source.source_key;
COMMENT ON VIEW gim.ctl_ds IS 'One row a data source; what DATA_SOURCE_KEY of the other control tables means';
COMMENT ON COLUMN gim.ctl_ds.data_source_key IS 'Key of the source';
COMMENT ON COLUMN gim.ctl_ds.data_source_type IS 'Constant 1: a telephony server';
COMMENT ON COLUMN gim.ctl_ds.data_source_name IS 'Name of the source in the configuration';
COMMENT ON COLUMN gim.ctl_ds.protocol IS 'What it speaks, such as asterisk-ami';
COMMENT ON COLUMN gim.ctl_ds.site IS 'Site of the source';
COMMENT ON COLUMN gim.ctl_ds.active_flag IS '1: its events are extracted';
COMMENT ON COLUMN gim.ctl_ds.created_ts IS 'When it was registered, epoch seconds';

CREATE VIEW gim.ctl_icon AS
SELECT
    collector.collector_key AS icon_dbid,
    collector.source_key AS data_source_key,
    collector.name AS icon_name,
    collector.name AS dap_name,
    collector.site,
    CASE WHEN collector.enabled THEN 1 ELSE 0 END AS active_flag
FROM cfg.collector AS collector;
COMMENT ON VIEW gim.ctl_icon IS 'One row a collector; what ICON_DBID of CTL_EXTRACT_HISTORY means';
COMMENT ON COLUMN gim.ctl_icon.icon_dbid IS 'Key of the collector';
COMMENT ON COLUMN gim.ctl_icon.data_source_key IS 'Source that it hears';
COMMENT ON COLUMN gim.ctl_icon.icon_name IS 'Name of the collector in the configuration';
COMMENT ON COLUMN gim.ctl_icon.dap_name IS 'Access point of its interaction database, which bears its name';
COMMENT ON COLUMN gim.ctl_icon.site IS 'Site of its interaction database';
COMMENT ON COLUMN gim.ctl_icon.active_flag IS '1: its interaction database is extracted';

CREATE VIEW gim.ctl_dap AS
SELECT
    point.object_key AS dap_dbid,
    point.name AS dap_name,
    point.properties ->> 'role' AS role,
    (point.properties ->> 'site')::integer AS site,
    CASE WHEN point.enabled THEN 1 ELSE 0 END AS active_flag
FROM cfg.object AS point
WHERE point.kind = 'access_point';
COMMENT ON VIEW gim.ctl_dap IS 'One row a database access point';
COMMENT ON COLUMN gim.ctl_dap.dap_dbid IS 'Key of the access point';
COMMENT ON COLUMN gim.ctl_dap.dap_name IS 'Name of the access point in the configuration';
COMMENT ON COLUMN gim.ctl_dap.role IS 'ICON_CORE: an interaction database; INFO_MART: a mart';
COMMENT ON COLUMN gim.ctl_dap.site IS 'Site of the database';
COMMENT ON COLUMN gim.ctl_dap.active_flag IS '1: in use; of the marts exactly one is';

CREATE VIEW gim.ctl_purge_history AS
SELECT
    command.kind,
    (command.before_at AT TIME ZONE 'UTC')::timestamp(3) AS purged_before,
    floor(extract(epoch FROM command.before_at))::bigint AS purged_before_ts,
    (command.decided_at AT TIME ZONE 'UTC')::timestamp(3) AS created,
    floor(extract(epoch FROM command.decided_at))::bigint AS created_ts
FROM ctl.purge_command AS command;
COMMENT ON VIEW gim.ctl_purge_history IS 'One row a decision to purge what is too old; each site carries it out for itself';
COMMENT ON COLUMN gim.ctl_purge_history.kind IS 'facts: the dimensional model; cfg: memberships; gidb: events; history: control tables';
COMMENT ON COLUMN gim.ctl_purge_history.purged_before IS 'What lies wholly before this moment is gone, UTC';
COMMENT ON COLUMN gim.ctl_purge_history.purged_before_ts IS 'The same, epoch seconds';
COMMENT ON COLUMN gim.ctl_purge_history.created IS 'When it was decided, UTC';
COMMENT ON COLUMN gim.ctl_purge_history.created_ts IS 'The same, epoch seconds';
