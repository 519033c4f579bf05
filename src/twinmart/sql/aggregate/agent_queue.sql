-- Rows of AGENT_QUEUE: those of AGENT that came through a queue.
-- grain   attempt of an agent
-- reads   part (the rows of aggregate/agent)
-- writes  nothing
-- rule    by the queue that the call was in last; a call that a colleague put through has none
SELECT * FROM part WHERE queue_resource_key <> -2
