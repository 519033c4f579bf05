-- The part of each resource in an interaction: what kind of attempt it was, for whom, and when it rang, was answered and ended.
-- grain   attempt, or the queue or number in which the interaction ended without one
-- reads   attempt (temporary), channel (temporary), joined (temporary), visit (temporary), transfer (temporary), gidb.alias,
--         gidb.across_link, cfg.source
-- writes  nothing
-- rule    talk ends when the resource's own phone leaves; who ended it is what the queue says, if it says so then, which it cannot of a
--         consultation that became a transfer. A call that an agent places while another is up is a consultation; so is what it reaches,
--         until the transfer is completed. An interaction whose caller was lost in a queue, or before one, ends with that queue, or with
--         the number dialled, as the last resource. The line to another switch that is part of the interaction is no number outside
WITH named AS (
    SELECT
        attempt.*,
        phone.root_id,
        phone.device,
        phone.is_abnormal,
        phone.end_cause,
        phone.end_at AS phone_end_at,
        phone.is_consult AS phone_is_consult,
        CASE WHEN NOT caller.is_local THEN caller.agent_key END AS caller_agent_key,
        caller.is_consult AS caller_is_consult,
        caller.end_at AS caller_end_at,
        coalesce(member.resource_key, phone.agent_key) AS agent_key,
        source.name AS source_name
    FROM attempt
    JOIN channel AS phone ON phone.source_key = attempt.source_key AND phone.channel_id = attempt.phone_id
    JOIN cfg.source AS source ON source.source_key = attempt.source_key
    LEFT JOIN channel AS caller
        ON caller.source_key = attempt.source_key AND caller.channel_id = attempt.caller_id AND caller.root_id = phone.root_id
    LEFT JOIN gidb.alias AS member ON member.source_key = attempt.source_key AND member.name = gidb.device(attempt.member)
)
SELECT
    named.source_key,
    named.source_name,
    named.root_id,
    named.attempt_id,
    named.phone_id,
    named.caller_id,
    named.queue,
    visit.visit_no,
    CASE
        WHEN named.origin = 'queue' AND named.caller_is_consult AND named.start_at < coalesce(consult.at, 'infinity') THEN 'consult_queue'
        WHEN named.origin = 'queue' THEN 'queue'
        WHEN named.origin = 'placed' AND named.phone_is_consult THEN 'consult_out'
        WHEN named.origin = 'placed' AND outward.caller_id IS NOT NULL THEN 'outbound'
        WHEN named.origin = 'placed' THEN 'internal_out'
        WHEN named.agent_key IS NULL THEN 'external'
        WHEN named.caller_is_consult AND named.start_at < coalesce(consult.at, 'infinity') THEN 'consult'
        WHEN named.caller_agent_key IS NOT NULL THEN 'internal'
        ELSE 'direct'
    END AS kind,
    named.agent_key IS NOT NULL AS is_agent,
    coalesce(
        named.agent_key,
        mart.dimension_key('EXTERNAL|' || named.source_name || '|' || coalesce(gidb.device(named.member), named.device, ''))
    ) AS resource_key,
    coalesce(gidb.device(named.member), named.device, '') AS natural_name,
    coalesce(substring(named.target FROM '/([^@/]+)@'), named.target) AS target_address,
    named.start_at,
    CASE
        WHEN coalesce(named.phone_end_at >= named.answered_at, named.answered_at IS NOT NULL) THEN greatest(named.answered_at, named.start_at)
    END AS answered_at,
    CASE WHEN named.phone_end_at IS NOT NULL THEN greatest(named.phone_end_at, named.start_at) END AS end_at,
    named.refused_at,
    CASE
        WHEN consult.at IS NULL
            AND named.completed_at BETWEEN named.phone_end_at - interval '1 second' AND named.phone_end_at + interval '1 second'
            THEN named.completed_by
    END AS completed_by,
    named.end_cause,
    named.is_abnormal,
    named.caller_end_at,
    consult.at AS consult_completed_at,
    own.at AS transferred_at,
    own.kind AS transfer_kind,
    CASE WHEN named.agent_key IS NOT NULL THEN 'AGENT' ELSE 'EXTERNAL' END AS resource_type,
    named.caller_agent_key IS NOT NULL AS is_from_agent
FROM named
LEFT JOIN (
    SELECT DISTINCT attempt.source_key, attempt.caller_id
    FROM attempt
    JOIN channel ON channel.source_key = attempt.source_key AND channel.channel_id = attempt.phone_id
    LEFT JOIN joined ON joined.source_key = channel.source_key AND joined.root_id = channel.root_id
    WHERE attempt.origin = 'dial'
      AND channel.agent_key IS NULL
      AND NOT (
          joined.whole_id IS NOT NULL
          AND EXISTS (
              SELECT FROM gidb.across_link AS link WHERE link.source_key = channel.source_key AND link.channel_id = channel.channel_id
          )
      )
) AS outward ON outward.source_key = named.source_key AND outward.caller_id = named.attempt_id
LEFT JOIN visit
    ON visit.source_key = named.source_key
    AND visit.channel_id = named.caller_id
    AND visit.root_id = named.root_id
    AND named.origin = 'queue'
    AND visit.start_at <= named.start_at
    AND named.start_at < coalesce(visit.next_start_at, 'infinity')
LEFT JOIN (
    SELECT source_key, consult_id, min(at) AS at FROM transfer GROUP BY source_key, consult_id
) AS consult
    ON consult.source_key = named.source_key AND consult.consult_id = named.caller_id AND named.caller_is_consult
LEFT JOIN (
    SELECT DISTINCT ON (source_key, phone_id) source_key, phone_id, at, kind FROM transfer ORDER BY source_key, phone_id, at
) AS own ON own.source_key = named.source_key AND own.phone_id = named.phone_id
UNION ALL
SELECT
    visit.source_key,
    source.name,
    visit.root_id,
    visit.channel_id || '/' || visit.visit_no,
    visit.channel_id,
    visit.channel_id,
    visit.queue,
    visit.visit_no,
    'mediation',
    false,
    mart.dimension_key('QUEUE|' || source.name || '|' || visit.queue),
    visit.queue,
    visit.target,
    visit.start_at,
    NULL,
    visit.end_at,
    NULL,
    NULL,
    NULL,
    visit.result = 'unknown',
    visit.end_at,
    NULL,
    NULL,
    NULL,
    'QUEUE',
    false
FROM (
    SELECT DISTINCT ON (source_key, root_id) *
    FROM visit
    ORDER BY source_key, root_id, start_at DESC, channel_id DESC, visit_no DESC
) AS visit
JOIN cfg.source AS source USING (source_key)
JOIN channel ON channel.source_key = visit.source_key AND channel.channel_id = visit.channel_id
WHERE visit.result NOT IN ('answered', 'waiting')
  AND NOT channel.is_consult
  AND NOT EXISTS (
      SELECT
      FROM named AS later
      WHERE later.source_key = visit.source_key AND later.root_id = visit.root_id AND later.answered_at >= visit.end_at
  )
UNION ALL
SELECT
    entry.source_key,
    source.name,
    entry.root_id,
    entry.channel_id || '/0',
    entry.channel_id,
    entry.channel_id,
    NULL,
    NULL,
    'mediation',
    false,
    mart.dimension_key('ROUTINGPOINT|' || source.name || '|' || coalesce(entry.target, '')),
    coalesce(entry.target, ''),
    entry.target,
    entry.start_at,
    NULL,
    entry.end_at,
    NULL,
    NULL,
    NULL,
    entry.is_abnormal,
    entry.end_at,
    NULL,
    NULL,
    NULL,
    'ROUTINGPOINT',
    false
FROM (
    SELECT DISTINCT ON (source_key, root_id) *
    FROM channel
    ORDER BY source_key, root_id, start_at, channel_id
) AS entry
JOIN cfg.source AS source USING (source_key)
WHERE entry.end_at IS NOT NULL
  AND NOT EXISTS (SELECT FROM named WHERE named.source_key = entry.source_key AND named.root_id = entry.root_id)
  AND NOT EXISTS (SELECT FROM visit WHERE visit.source_key = entry.source_key AND visit.root_id = entry.root_id)
