-- Forget old silences, sessions and bad messages of an interaction database.
-- grain   row
-- reads   {session}, {no_data}, {bad_message} of an interaction database
-- writes  {session}, {no_data}, {bad_message}
-- rule    what goes on stays; sessions stay longer, since they tell whether the twin's silences are filled
WITH silences AS (
    DELETE FROM {no_data} WHERE to_at < %(before_at)s
),
messages AS (
    DELETE FROM {bad_message} WHERE received_at < %(before_at)s
)
DELETE FROM {session}
WHERE disconnected_at < %(sessions_before_at)s AND greatest(last_heard_at, last_event_at) < %(sessions_before_at)s
