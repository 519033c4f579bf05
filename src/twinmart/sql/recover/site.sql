-- What a site says of its role and its configuration, in one row.
-- grain   one row
-- reads   cfg.topology, cfg.object, cfg.option, cfg.history, ops.replica, ops.recovery_fence, gidb.touched_call, gidb.touched_resource
-- writes  nothing
-- rule    of the access points to a mart the enabled one is in use; run-scheduler is off and run-aggregates on where nothing is said;
--         the schedule is held if a recovery was the last to speak of it, and turned it off
WITH mart_option AS (
    SELECT name, lower(value) AS value
    FROM cfg.option
    WHERE object_key = mart.dimension_key('APPLICATION|mart') AND section = 'schedule'
)
SELECT
    topology.epoch,
    topology.active_site,
    fence.promised_epoch,
    fence.heard_epoch,
    fence.fenced_for,
    (SELECT of_site FROM ops.replica),
    (
        SELECT (host.properties ->> 'site')::integer
        FROM cfg.object AS mart
        JOIN cfg.object AS host ON host.kind = 'host' AND host.name = mart.properties ->> 'host'
        WHERE mart.kind = 'application' AND mart.name = 'mart'
          AND (mart.properties #>> '{start_up_arguments,configuration_database}')::integer = (host.properties ->> 'site')::integer
    ),
    (
        SELECT (properties ->> 'site')::integer
        FROM cfg.object
        WHERE kind = 'access_point' AND enabled AND properties ->> 'role' = 'INFO_MART'
        LIMIT 1
    ),
    coalesce((
        SELECT (host.properties ->> 'site')::integer
        FROM cfg.object AS reports
        JOIN cfg.object AS host ON host.kind = 'host' AND host.name = reports.properties ->> 'host'
        WHERE reports.kind = 'application' AND reports.name = 'reports'
    ), 0),
    coalesce((SELECT value = 'true' FROM mart_option WHERE name = 'run-scheduler'), false),
    coalesce((
        SELECT lower(new_value) = 'false' AND author = 'twinmart recover'
        FROM cfg.history
        WHERE object_key = mart.dimension_key('APPLICATION|mart')
          AND aspect = 'option' AND section = 'schedule' AND name = 'run-scheduler'
        ORDER BY revision DESC
        LIMIT 1
    ), false),
    coalesce((SELECT value = 'true' FROM mart_option WHERE name = 'run-aggregates'), true),
    (SELECT count(*) FROM gidb.touched_call) + (SELECT count(*) FROM gidb.touched_resource)
FROM cfg.topology AS topology
CROSS JOIN ops.recovery_fence AS fence
