-- Keep a message aside.
-- grain   message
-- reads   nothing
-- writes  bad_message
-- rule    told twice is kept once
INSERT INTO bad_message (id, session_key, received_at, reason, raw)
VALUES (%(id)s, %(session_key)s, %(received_at)s, %(reason)s, decode(%(raw)s, 'hex'))
ON CONFLICT DO NOTHING
