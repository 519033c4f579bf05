-- Write down that a delivery is being made, unless somebody else was quicker.
-- grain   one delivery
-- reads   ctl.report_delivery
-- writes  ctl.report_delivery
-- rule    it is as it was when it was found to be due: state and attempts say so
INSERT INTO ctl.report_delivery AS known (schedule, due_at, state, attempts, site, changed_at)
VALUES (%(schedule)s, %(due_at)s, 'sending', 1, %(site)s, %(now)s)
ON CONFLICT (schedule, due_at) DO UPDATE
SET state = 'sending', attempts = known.attempts + 1, site = excluded.site, changed_at = excluded.changed_at
WHERE known.attempts = %(attempts)s AND known.state = %(state)s
RETURNING attempts
