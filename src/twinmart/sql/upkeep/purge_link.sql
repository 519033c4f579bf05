-- Forget what links channels and calls of interactions that nobody will compute again.
-- grain   channel, call
-- reads   gidb.channel_link, gidb.interaction, gidb.login_call
-- writes  gidb.channel_link
-- rule    an interaction lasts 31 days at most, so a call that began that long before the cut-off has no news; the calls in which agents wait
--         may last for years, and stay
DELETE FROM gidb.channel_link AS link
USING (
    SELECT source_key, linked_id FROM gidb.channel_link WHERE started_at < %(before_at)s
    UNION
    SELECT source_key, root_id FROM gidb.interaction WHERE start_date_time_key < mart.date_time_key(%(before_at)s)
) AS old
WHERE link.source_key = old.source_key
  AND link.linked_id = old.linked_id
  AND NOT EXISTS (
      SELECT FROM gidb.login_call AS waiting WHERE waiting.source_key = old.source_key AND waiting.linked_id = old.linked_id
  )
