-- To which columns the other keys of user data go.
-- grain   key, column
-- reads   cfg.object
-- writes  nothing
-- rule    keys that are ended hold no column
SELECT item.name, item.properties ->> 'key' AS key, goes.target AS column_name, goes.how
FROM cfg.object AS item
CROSS JOIN LATERAL jsonb_each(item.properties -> 'to') AS goes (target, how)
WHERE item.kind = 'user_data_key' AND item.enabled AND item.name <> %(name)s
ORDER BY item.name COLLATE "C", goes.target
