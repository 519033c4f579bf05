-- Write down that a delivery is being made, unless it is done, not known, given up, or to be tried again only later.
-- grain   one delivery
-- reads   ctl.report_delivery
-- writes  ctl.report_delivery
-- rule    the pause before another try doubles with each; one that is being made for too long was made by a process that died, and what
--         it sent nobody knows unless it wrote into a folder, where the same file is written again
INSERT INTO ctl.report_delivery AS known (schedule, due_at, state, attempts, site, changed_at)
VALUES (%(schedule)s, %(due_at)s, 'sending', 1, %(site)s, %(now)s)
ON CONFLICT (schedule, due_at) DO UPDATE
SET state = 'sending', attempts = known.attempts + 1, site = excluded.site, changed_at = excluded.changed_at
WHERE known.attempts < %(most)s
  AND (
      (known.state = 'failed' AND known.changed_at + make_interval(secs => %(pause_s)s * 2 ^ (known.attempts - 1)) <= %(now)s)
      OR (known.state = 'sending' AND known.changed_at < %(lost_before)s AND EXISTS (
          SELECT FROM ctl.report_schedule AS schedule WHERE schedule.name = known.schedule AND schedule.folder IS NOT NULL
      ))
  )
RETURNING attempts
