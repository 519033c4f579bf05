-- Set how a source is reached; what is not told stays as it is.
-- grain   source
-- reads   nothing
-- writes  cfg.source
-- rule    the password itself is never stored, only where it is found
UPDATE cfg.source
SET
    host = coalesce(%(host)s, host),
    port = coalesce(%(port)s, port, 5038),
    tls = coalesce(%(tls)s, tls),
    username = coalesce(%(username)s, username),
    secret_ref = coalesce(%(secret_ref)s, secret_ref)
WHERE source_key = %(source_key)s
