-- Other access points that are enabled and have the role of the mart.
-- grain   access point
-- reads   cfg.object
-- writes  nothing
-- rule    exactly one may be
SELECT name
FROM cfg.object
WHERE kind = 'access_point' AND enabled AND properties ->> 'role' = 'INFO_MART' AND name <> %(name)s
