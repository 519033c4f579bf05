-- Forget old decisions to purge.
-- grain   command
-- reads   ctl.purge_command
-- writes  ctl.purge_command
-- rule    the latest of each kind stays, whatever its age
DELETE FROM ctl.purge_command AS old
WHERE old.decided_at < %(before_at)s
  AND old.before_at < (SELECT max(latest.before_at) FROM ctl.purge_command AS latest WHERE latest.kind = old.kind)
