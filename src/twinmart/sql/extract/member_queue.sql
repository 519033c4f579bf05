-- Remember which interface was seen in which queue.
-- grain   interface, queue
-- reads   new_event (temporary)
-- writes  gidb.member_queue
-- rule    never forgotten: it only tells where to look for the latest state
INSERT INTO gidb.member_queue (source_key, member, queue, name)
SELECT DISTINCT source_key, member, queue, gidb.device(member)
FROM new_event
WHERE kind LIKE 'member\_%%' AND member IS NOT NULL AND queue IS NOT NULL
ON CONFLICT DO NOTHING
