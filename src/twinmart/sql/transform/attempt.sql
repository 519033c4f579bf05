-- Phones that were rung, and calls that agents placed themselves: what becomes the interaction resources.
-- grain   attempt
-- reads   call_event (temporary), queue_event (temporary), channel (temporary), gidb.channel_link, gidb.alias
-- writes  nothing
-- rule    a queue rings a member; a member behind Local channels is the phone that these dial until the member answers, or the Local
--         channel itself where there is none (a robot, an agent of a pool); any other number dialled is an attempt of its own; a
--         channel that an agent's phone began itself is a call placed. A member's channel is rung for one caller, whatever channel the
--         end of their call is told of: after a transfer that is not the caller's any more. A channel that was there before we
--         listened and is not the first of its call was called by that one, or by a queue, if one tells of the end; a Local channel
--         whose phone has left is nobody's any more
WITH RECURSIVE offer AS (
    SELECT
        source_key,
        (array_agg(channel_id ORDER BY at, event_id) FILTER (WHERE kind <> 'agent_complete'))[1] AS caller_id,
        other_id AS dialled_id,
        min(queue) AS queue,
        min(member) AS member,
        min(at) FILTER (WHERE kind = 'agent_offer') AS offered_at,
        min(at) FILTER (WHERE kind = 'agent_connect') AS answered_at,
        min(at) FILTER (WHERE kind = 'agent_noanswer') AS refused_at,
        min(at) FILTER (WHERE kind = 'agent_complete') AS completed_at,
        min(value) FILTER (WHERE kind = 'agent_complete') AS completed_by
    FROM queue_event
    WHERE kind IN ('agent_offer', 'agent_connect', 'agent_noanswer', 'agent_complete') AND other_id IS NOT NULL
    GROUP BY source_key, other_id
    HAVING bool_or(kind <> 'agent_complete')
),
dial AS (
    SELECT source_key, channel_id AS caller_id, other_id AS dialled_id, min(at) AS at, min(target) AS target
    FROM queue_event
    WHERE kind = 'dial_start' AND channel_id <> other_id
    GROUP BY source_key, channel_id, other_id
),
pair AS (
    SELECT DISTINCT source_key, channel_id AS one, other_id AS two
    FROM call_event
    WHERE kind = 'local_pair'
),
reached (source_key, caller_id, offered_id, channel_id, until_at, depth) AS (
    SELECT source_key, caller_id, dialled_id, dialled_id, coalesce(answered_at, refused_at, 'infinity'), 0
    FROM offer
    UNION
    SELECT reached.source_key, reached.caller_id, reached.offered_id, dial.dialled_id, reached.until_at, reached.depth + 1
    FROM reached
    JOIN pair ON pair.source_key = reached.source_key AND pair.one = reached.channel_id
    JOIN dial ON dial.source_key = pair.source_key AND dial.caller_id = pair.two AND dial.at <= reached.until_at
    WHERE reached.depth < 5
),
phone AS (
    SELECT
        reached.source_key,
        reached.caller_id,
        reached.offered_id,
        reached.channel_id,
        row_number() OVER (
            PARTITION BY reached.source_key, reached.caller_id, reached.offered_id
            ORDER BY channel.is_local, channel.up_at NULLS LAST, channel.start_at, reached.channel_id
        ) AS rank,
        channel.is_local
    FROM reached
    JOIN channel USING (source_key, channel_id)
),
unheard AS (
    SELECT channel.source_key, channel.root_id, channel.channel_id, channel.is_local, channel.agent_key, channel.start_at, channel.up_at,
        min(link.linked_id) AS linked_id
    FROM channel
    JOIN gidb.channel_link AS link
        ON link.source_key = channel.source_key AND link.channel_id = channel.channel_id AND link.cause = 'seen'
    WHERE channel.start_state IS NULL
      AND NOT EXISTS (SELECT FROM dial WHERE dial.source_key = channel.source_key AND dial.dialled_id = channel.channel_id)
      AND NOT EXISTS (SELECT FROM offer WHERE offer.source_key = channel.source_key AND offer.dialled_id = channel.channel_id)
    GROUP BY channel.source_key, channel.root_id, channel.channel_id, channel.is_local, channel.agent_key, channel.start_at, channel.up_at
    HAVING bool_and(link.linked_id <> channel.channel_id)
),
completed AS (
    SELECT DISTINCT ON (told.source_key, member.channel_id)
        told.source_key,
        told.channel_id AS caller_id,
        member.channel_id AS attempt_id,
        coalesce(phone.channel_id, member.channel_id) AS phone_id,
        told.queue,
        told.member,
        coalesce(phone.start_at, member.start_at) AS start_at,
        coalesce(phone.up_at, member.up_at) AS up_at,
        told.at,
        told.value
    FROM queue_event AS told
    JOIN unheard AS member ON member.source_key = told.source_key AND member.channel_id = told.other_id
    LEFT JOIN unheard AS phone
        ON phone.source_key = member.source_key AND phone.root_id = member.root_id AND phone.agent_key = member.agent_key
        AND member.is_local AND NOT phone.is_local
    WHERE told.kind = 'agent_complete'
      AND (
          NOT member.is_local
          OR phone.channel_id IS NOT NULL
          OR EXISTS (
              SELECT
              FROM gidb.alias
              WHERE alias.resource_key = member.agent_key AND (alias.name LIKE 'Agent:%%' OR alias.root LIKE 'Local/%%')
          )
      )
    ORDER BY told.source_key, member.channel_id, told.at, phone.start_at DESC, phone.channel_id
)
SELECT
    offer.source_key,
    'queue' AS origin,
    offer.caller_id,
    CASE WHEN phone.rank = 1 OR phone.rank IS NULL THEN offer.dialled_id ELSE phone.channel_id END AS attempt_id,
    coalesce(phone.channel_id, offer.dialled_id) AS phone_id,
    offer.queue,
    offer.member,
    NULL AS target,
    least(offer.offered_at, offer.answered_at, offer.refused_at) AS start_at,
    CASE WHEN coalesce(phone.rank, 1) = 1 THEN offer.answered_at END AS answered_at,
    offer.refused_at,
    offer.completed_at,
    offer.completed_by
FROM offer
LEFT JOIN phone
    ON phone.source_key = offer.source_key AND phone.caller_id = offer.caller_id AND phone.offered_id = offer.dialled_id
    AND (phone.rank = 1 OR NOT phone.is_local)
UNION ALL
SELECT
    dial.source_key, 'dial', dial.caller_id, dial.dialled_id, dial.dialled_id, NULL, NULL, dial.target,
    dial.at, channel.up_at, NULL, NULL, NULL
FROM dial
JOIN channel ON channel.source_key = dial.source_key AND channel.channel_id = dial.dialled_id
WHERE NOT channel.is_local
  AND NOT EXISTS (SELECT FROM phone WHERE phone.source_key = dial.source_key AND phone.channel_id = dial.dialled_id)
  AND NOT EXISTS (SELECT FROM offer WHERE offer.source_key = dial.source_key AND offer.dialled_id = dial.dialled_id)
UNION ALL
SELECT
    channel.source_key, 'placed', channel.channel_id, channel.channel_id, channel.channel_id, NULL, NULL, channel.target,
    channel.start_at, channel.up_at, NULL, NULL, NULL
FROM channel
WHERE channel.agent_key IS NOT NULL
  AND NOT channel.is_local
  AND NOT EXISTS (SELECT FROM unheard WHERE unheard.source_key = channel.source_key AND unheard.channel_id = channel.channel_id)
  AND NOT EXISTS (SELECT FROM dial WHERE dial.source_key = channel.source_key AND dial.dialled_id = channel.channel_id)
  AND NOT EXISTS (SELECT FROM offer WHERE offer.source_key = channel.source_key AND offer.dialled_id = channel.channel_id)
UNION ALL
SELECT source_key, 'queue', caller_id, attempt_id, phone_id, queue, member, NULL, start_at, up_at, NULL, at, value
FROM completed
UNION ALL
SELECT
    unheard.source_key, 'dial', unheard.linked_id, unheard.channel_id, unheard.channel_id, NULL, NULL, NULL,
    unheard.start_at, unheard.up_at, NULL, NULL, NULL
FROM unheard
WHERE NOT unheard.is_local
  AND NOT EXISTS (SELECT FROM completed WHERE completed.source_key = unheard.source_key AND completed.phone_id = unheard.channel_id)
  AND NOT EXISTS (
      SELECT
      FROM offer
      JOIN channel AS half ON half.source_key = offer.source_key AND half.channel_id = offer.dialled_id AND half.is_local
      WHERE half.source_key = unheard.source_key AND half.root_id = unheard.root_id AND half.agent_key = unheard.agent_key
        AND half.start_state IS NULL
  )
