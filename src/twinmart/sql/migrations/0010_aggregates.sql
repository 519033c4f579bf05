-- Aggregates: for each set a table at 15 minutes, hour, day and month, views at 30 minutes, week, quarter and year, and views with the
-- original's names and seconds in schema gim. A set is declared once, below; its relations and their comments are made of that.

CREATE SCHEMA IF NOT EXISTS agg;
COMMENT ON SCHEMA agg IS 'Aggregates: facts added up by interval; every level of a set has the same columns';

-- Begin of the interval of a level, in UTC, that holds a moment; weeks begin on Monday.
CREATE FUNCTION agg.level_key(level text, epoch_s bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE level
        WHEN 'subhr' THEN epoch_s / 900 * 900
        WHEN '30min' THEN epoch_s / 1800 * 1800
        WHEN 'hour' THEN epoch_s / 3600 * 3600
        WHEN 'day' THEN epoch_s / 86400 * 86400
        WHEN 'week' THEN (epoch_s - 345600) / 604800 * 604800 + 345600
        ELSE date_part('epoch', date_trunc(level, timestamp 'epoch' + epoch_s * interval '1 second'))::bigint
    END;
COMMENT ON FUNCTION agg.level_key(text, bigint) IS 'Begin of the interval of a level, in UTC, that holds a moment given in epoch seconds';

-- At most 19, so that there are at most 20 buckets.
CREATE FUNCTION agg.edges_ms(edges_s text) RETURNS bigint[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (ARRAY(
        SELECT (edge::numeric * 1000)::bigint AS edge_ms
        FROM regexp_split_to_table(trim(edges_s, ' ,'), '[ ]*,[ ,]*') AS edge
        ORDER BY edge_ms
    ))[1:19];
COMMENT ON FUNCTION agg.edges_ms(text) IS 'Edges of buckets in milliseconds, from seconds with commas between them';

-- A measure is added up; only a longest time is the greatest of its parts.
CREATE PROCEDURE agg.define_set(set_name text, title text, keys text[], measures text[])
    LANGUAGE plpgsql AS $body$
DECLARE
    every_key text[] := ARRAY['tenant_key integer|Tenant', 'date_time_key bigint|Begin of the interval, epoch second of UTC'] || keys;
    key_names text[] := ARRAY(SELECT split_part(one, ' ', 1) FROM unnest(every_key) WITH ORDINALITY AS k (one, n) ORDER BY n);
    measure_names text[] := ARRAY(SELECT split_part(one, '|', 1) FROM unnest(measures) WITH ORDINALITY AS m (one, n) ORDER BY n);
    base text := format('agg.%I', set_name || '_subhr');
    level record;
    target text;
    original text;
    made text[];
BEGIN
    EXECUTE format('CREATE TABLE %s (%s, %s, PRIMARY KEY (%s))', base,
        (SELECT string_agg(split_part(one, '|', 1) || ' NOT NULL', ', ' ORDER BY n) FROM unnest(every_key) WITH ORDINALITY AS k (one, n)),
        (SELECT string_agg(format('%I bigint NOT NULL DEFAULT 0', one), ', ' ORDER BY n)
            FROM unnest(measure_names) WITH ORDINALITY AS m (one, n)),
        array_to_string(key_names, ', '));
    FOR target, original IN
        SELECT split_part(split_part(one, '|', 1), ' ', 1), split_part(one, '|', 2) FROM unnest(every_key || measures) AS c (one)
    LOOP
        EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', base, target, original);
    END LOOP;
    FOR level IN
        SELECT * FROM (VALUES ('subhr', NULL, 'subhr', '15 minutes'), ('30min', 'subhr', NULL, '30 minutes'), ('hour', '', 'hour', 'hour'),
            ('day', '', 'day', 'day'), ('week', 'day', 'week', 'week, from Monday'), ('month', '', 'month', 'month'),
            ('quarter', 'month', 'qrtr', 'quarter'), ('year', 'month', 'year', 'year')) AS l (name, lower_level, original, words)
    LOOP
        target := format('agg.%I', set_name || '_' || level.name);
        IF level.lower_level = '' THEN
            EXECUTE format('CREATE TABLE %s (LIKE %s INCLUDING ALL)', target, base);
        ELSIF level.lower_level IS NOT NULL THEN
            EXECUTE format('CREATE VIEW %s AS SELECT %s, %s FROM agg.%I GROUP BY %s', target,
                (SELECT string_agg(CASE one WHEN 'date_time_key' THEN format('agg.level_key(%L, date_time_key) AS date_time_key', level.name)
                    ELSE one END, ', ' ORDER BY n) FROM unnest(key_names) WITH ORDINALITY AS k (one, n)),
                (SELECT string_agg(format(CASE WHEN one LIKE '%\_max\_ms' THEN 'max(%1$I) AS %1$I' ELSE 'sum(%1$I)::bigint AS %1$I' END, one),
                    ', ' ORDER BY n) FROM unnest(measure_names) WITH ORDINALITY AS m (one, n)),
                set_name || '_' || level.lower_level,
                array_to_string(array_replace(key_names, 'date_time_key', '2'), ', '));
        END IF;
        EXECUTE format('COMMENT ON %s %s IS %L', CASE WHEN coalesce(level.lower_level, '') = '' THEN 'TABLE' ELSE 'VIEW' END, target,
            format('%s; by %s', title, level.words));
        CONTINUE WHEN level.original IS NULL;
        original := format('gim.%I', 'ag2_' || set_name || '_' || level.original);
        EXECUTE format('CREATE VIEW %s AS SELECT %s, %s FROM %s', original,
            array_to_string(ARRAY(SELECT one FROM unnest(key_names) AS k (one)
                UNION ALL SELECT format('-2::bigint AS %I', one) FROM unnest(ARRAY['resource_key', 'group_combination_key', 'media_type_key',
                    'interaction_type_key', 'interaction_descriptor_key', 'user_data_key1', 'user_data_key2']) AS k (one)
                WHERE one <> ALL (key_names)), ', '),
            -- The original's ABANDONED leaves out those whom an agent's phone rang for, which are ABANDONED_INVITE.
            (SELECT string_agg(CASE
                WHEN one = 'abandoned' AND 'abandoned_waiting' = ANY (measure_names) THEN 'abandoned_waiting AS abandoned'
                WHEN one LIKE '%\_ms' THEN format('%I / 1000 AS %I', one, left(one, -3)) ELSE quote_ident(one) END, ', ' ORDER BY n)
                FROM unnest(measure_names) WITH ORDINALITY AS m (one, n) WHERE one <> 'abandoned_waiting'),
            target);
        EXECUTE format('COMMENT ON VIEW %s IS %L', original, format('%s; by %s; times in seconds, cut', title, level.words));
    END LOOP;
    -- Views take the comments of the columns they show.
    FOR target, original, made IN
        SELECT format('%I.%I', n.nspname, v.relname), a.attname, ARRAY[
            col_description(base::regclass, (SELECT b.attnum FROM pg_attribute AS b WHERE b.attrelid = base::regclass
                AND b.attname = CASE WHEN n.nspname = 'gim' AND a.attname = 'abandoned' AND 'abandoned_waiting' = ANY (measure_names)
                    THEN 'abandoned_waiting' ELSE a.attname END)),
            col_description(base::regclass, (SELECT b.attnum FROM pg_attribute AS b WHERE b.attrelid = base::regclass
                AND b.attname = a.attname || '_ms'))]
        FROM pg_class AS v
        JOIN pg_namespace AS n ON n.oid = v.relnamespace
        JOIN pg_attribute AS a ON a.attrelid = v.oid AND a.attnum > 0
        WHERE v.relkind = 'v' AND (n.nspname, regexp_replace(v.relname, '_[^_]+$', '')) IN (('agg', set_name), ('gim', 'ag2_' || set_name))
    LOOP
        EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', target, original,
            coalesce(made[1], replace(made[2], 'milliseconds', 'seconds, cut'), 'Constant -2: no value'));
    END LOOP;
END
$body$;
COMMENT ON PROCEDURE agg.define_set(text, text, text[], text[]) IS 'Makes the tables and views of a set of aggregates, with comments';

CREATE TABLE mart.time_range (
    time_range_key bigint PRIMARY KEY,
    edges_ms bigint[] NOT NULL CHECK (array_length(edges_ms, 1) <= 19)
);
COMMENT ON TABLE mart.time_range IS 'Edges of the buckets of times that were in force at some time';
COMMENT ON COLUMN mart.time_range.time_range_key IS 'mart.dimension_key of the edges; -1 unknown, -2 no value';
COMMENT ON COLUMN mart.time_range.edges_ms IS 'Ascending, milliseconds; bucket n holds times above edge n-1 up to and with edge n, the last all above';
INSERT INTO mart.time_range VALUES (-1, '{}'), (-2, '{}');

DO $sets$
DECLARE
    medium text[] := ARRAY['media_type_key integer|Medium'];
    direction text[] := ARRAY['media_type_key integer|Medium', 'interaction_type_key integer|Direction'];
    offers text[] := ARRAY[
        'offered|Customer interactions offered: rung, dialled or talked',
        'accepted|Of the offered, those that the agent took',
        'notaccepted|Of the offered, those that rang without an answer, or that another agent took',
        'abandoned_invite|Of the offered, those where the caller hung up while the phone rang',
        'rejected|Of the offered, those that the agent refused',
        'invite|Times that the phone rang or dialled for a customer',
        'invite_time_ms|Ringing and dialling for customers, milliseconds',
        'engage|Interactions in which the agent talked with a customer',
        'engage_time_ms|Talk with customers, hold and conferences left out, milliseconds',
        'hold|Interactions in which a customer was put on hold',
        'hold_time_ms|Hold of customers, milliseconds',
        'wrap|Times of after-call work for customers',
        'wrap_time_ms|After-call work for customers, milliseconds',
        'short|Of the accepted, those with a talk no longer than the short-talk threshold',
        'transfer_init_agent|Of the accepted, those that the agent transferred'];
    consultations text[] := ARRAY[
        'xfer_received_accepted|Customers taken over from another agent by a transfer',
        'consult_received_accepted|Consultations and internal calls received and taken, no customer of the agent''s own on the line',
        'consult_received_engage_time_ms|Talk in these, also after the transfer or conference they ended in, milliseconds',
        'consult_received_hold|Holds in these',
        'consult_received_hold_time_ms|Hold in these, milliseconds',
        'consult_received_wrap|Times of after-call work for these',
        'consult_received_wrap_time_ms|After-call work for these, milliseconds',
        'consult_rcv_acc_warm|Consultations received in interactions that the agent also handled',
        'consult_received_warm_engage_time_ms|Talk in these, milliseconds',
        'consult_received_warm_hold|Holds in these',
        'consult_received_warm_hold_time_ms|Hold in these, milliseconds',
        'consult_received_warm_wrap|Times of after-call work for these',
        'consult_received_warm_wrap_time_ms|After-call work for these, milliseconds',
        'consult_initiated|Consultations that the agent began and that were answered',
        'consult_initiated_time_ms|Dialling, talk and hold in consultations that the agent began, milliseconds',
        'conference_initiated|Conferences that the agent began',
        'conference_time_ms|Talk and hold in conferences of interactions that the agent handled, milliseconds'];
    visits text[] := ARRAY[
        'entered|Visits, refused tries and consultations included; accepted + abandoned + routed_other + cleared + stopped + waiting',
        'consult_entered|Of these, consultations that agents placed into the queue',
        'offered|Entered without those that were refused at the door',
        'accepted|Answered',
        'accepted_agent|Answered by an agent whom the queue rang',
        'accepted_thr|Answered within the service-level threshold, the threshold itself included',
        'accepted_time_ms|Wait of the answered, entry to answer, milliseconds',
        'accepted_agent_time_ms|Wait of those answered by an agent, milliseconds',
        'accepted_time_max_ms|Longest wait of an answered visit, milliseconds',
        'abandoned|Callers who hung up before an answer, while a phone rang too',
        'abandoned_waiting|Of these, while no phone rang for them',
        'abandoned_invite|Of these, while a phone rang for them',
        'abandoned_short|Of the abandoned, those within the short-abandon threshold, the threshold itself included',
        'abandoned_standard|Of the abandoned, the others',
        'abandoned_thr|Of the abandoned, those within the service-level threshold, the threshold itself included',
        'abandoned_time_ms|Wait of the abandoned, milliseconds',
        'abandoned_time_max_ms|Longest wait of an abandoned visit, milliseconds',
        'routed_other|Left otherwise: timed_out + key_pressed + transferred_out',
        'timed_out|Left after the longest wait that the dialplan allows',
        'key_pressed|Left by pressing a key',
        'transferred_out|Taken elsewhere while waiting',
        'cleared|Put out or refused by the switch: left_empty + refused_empty + refused_full',
        'left_empty|Put out because no agent was left',
        'refused_empty|Refused because no agent was there',
        'refused_full|Refused because the queue was full',
        'stopped|How it ended is not known: the switch died',
        'waiting|Still waiting',
        'other_thr|Left otherwise, cleared or stopped within the service-level threshold',
        'other_time_ms|Wait of those that left otherwise, were cleared or stopped, milliseconds',
        'redirected|Times that the queue rang an agent in vain',
        'invite_time_ms|Ringing of the agent who took a customer, milliseconds',
        'engage|Visits of customers after which an agent talked with them',
        'engage_time_ms|Talk of the agent who took a customer, hold and conferences left out, milliseconds',
        'hold|Visits of customers who were put on hold by that agent',
        'hold_time_ms|Hold by that agent, milliseconds',
        'wrap|Times of after-call work of that agent',
        'wrap_time_ms|After-call work of that agent, milliseconds',
        'conference_time_ms|Conferences of that agent, milliseconds',
        'short|Answered customers with a talk no longer than the short-talk threshold',
        'transfer_init|Answered customers whom that agent transferred',
        'consult_accepted|Consultations answered',
        'consult_engage_time_ms|Talk of the agent who took a consultation, also after the transfer or conference it ended in, milliseconds',
        'consult_hold_time_ms|Hold by that agent, milliseconds',
        'consult_wrap_time_ms|After-call work of that agent, milliseconds'];
    waits_accepted text[] := ARRAY(
        SELECT format('accepted_agent_sti_%s|Of these, with a wait in bucket %s', n, n) FROM generate_series(1, 20) AS n);
    waits_abandoned text[] := ARRAY(
        SELECT format('abandoned_sti_%s|Of these, with a wait in bucket %s', n, n) FROM generate_series(1, 20) AS n);
BEGIN
    CALL agg.define_set('agent', 'Agents: their parts in interactions, in the interval of the offer',
        ARRAY['resource_key bigint|Agent'] || direction, offers || consultations);
    CALL agg.define_set('agent_grp', 'Groups of agents: as agents, each in every group that it belonged to at the offer',
        ARRAY['group_key bigint|Group; -2 none'] || direction, offers || consultations);
    CALL agg.define_set('agent_queue', 'Agents by queue: parts in interactions that came through a queue, in the interval of the offer',
        ARRAY['resource_key bigint|Agent', 'queue_resource_key bigint|Queue'] || direction,
        offers || consultations || ARRAY['accepted_time_ms|Wait in the queue, entry to answer, of customers that the agent took, milliseconds']);
    CALL agg.define_set('i_agent', 'Agents inside interactions: states clipped at the ends of the interval; counts where a state begins',
        ARRAY['resource_key bigint|Agent'] || direction, ARRAY[
        'invite|Times that the phone began to ring or dial for a customer',
        'invite_time_ms|Ringing and dialling for customers, milliseconds',
        'engage|Times that the talk with a customer began or went on',
        'engage_time_ms|Talk with customers, hold left out, milliseconds',
        'hold|Times that a customer was put on hold',
        'hold_time_ms|Hold of customers, milliseconds',
        'wrap|Times that after-call work for a customer began',
        'wrap_time_ms|After-call work for customers, milliseconds',
        'consult_received|Times that talk in a consultation received began or went on',
        'consult_received_invite_time_ms|Ringing for consultations, milliseconds',
        'consult_received_engage_time_ms|Talk in consultations received, also after the transfer or conference they ended in, milliseconds',
        'consult_received_hold_time_ms|Hold in these, milliseconds',
        'consult_received_wrap_time_ms|After-call work for these, milliseconds',
        'consult_initiated|Times that dialling for a consultation began',
        'consult_initiated_time_ms|Dialling, talk, hold and work in consultations that the agent began, milliseconds',
        'internal_time_ms|The same in calls between agents, milliseconds']);
    CALL agg.define_set('i_sess_state', 'Sessions and states of agents, clipped at the ends of the interval; counts where one begins',
        ARRAY['resource_key bigint|Agent'] || medium, ARRAY[
        'login|Sessions begun',
        'logout|Sessions ended',
        'active_time_ms|Logged in: all states added up, milliseconds',
        'logged_on_only|Times logged in without being able to take calls',
        'logged_on_only_time_ms|Logged in without being able to take calls, milliseconds',
        'ready|Times ready',
        'ready_time_ms|Ready, milliseconds',
        'not_ready|Times not ready',
        'not_ready_time_ms|Not ready, milliseconds',
        'busy|Times busy',
        'busy_time_ms|Busy, milliseconds',
        'wrap|Times of after-call work',
        'wrap_time_ms|After-call work, milliseconds']);
    CALL agg.define_set('i_state_rsn', 'Reasons of states of agents, clipped at the ends of the interval; counts where one begins',
        ARRAY['resource_key bigint|Agent'] || medium || ARRAY['resource_state_key integer|State', 'resource_state_reason_key bigint|Reason'],
        ARRAY['state_rsn|Times of the reason', 'state_rsn_time_ms|Time with the reason, milliseconds']);
    CALL agg.define_set('queue', 'Queues: visits, in the interval of the entry',
        ARRAY['resource_key bigint|Queue'] || direction, visits);
    CALL agg.define_set('queue_acc_agent', 'Queues: visits answered by an agent, by wait in 20 buckets, in the interval of the entry',
        ARRAY['resource_key bigint|Queue'] || direction || ARRAY['time_range_key bigint|Edges of the buckets, in mart.time_range'],
        ARRAY['accepted_agent|Answered by an agent whom the queue rang', 'accepted_agent_time_ms|Their wait, ringing included, milliseconds'] || waits_accepted);
    CALL agg.define_set('queue_abn', 'Queues: visits abandoned, by wait in 20 buckets, in the interval of the entry',
        ARRAY['resource_key bigint|Queue'] || direction || ARRAY['time_range_key bigint|Edges of the buckets, in mart.time_range'],
        ARRAY['abandoned|Abandoned at the last visit of the interaction to the queue', 'abandoned_time_ms|Their wait, milliseconds'] || waits_abandoned);
    CALL agg.define_set('id', 'Interactions, in the interval in which they entered the contact centre',
        direction || ARRAY['interaction_descriptor_key bigint|Business attributes; -2 none'], ARRAY[
        'entered|Interactions',
        'finished|Of these, those that have ended',
        'stopped|Of these, those that ended because the switch died',
        'finished_time_ms|Begin to end of the finished, milliseconds',
        'offered|Interactions offered to at least one agent',
        'accepted|Interactions that an agent took',
        'accepted_thr|Of these, those answered within the service-level threshold, the threshold itself included',
        'accepted_time_ms|Begin of the interaction to the first answer by an agent, milliseconds',
        'accepted_time_max_ms|Longest of these, milliseconds',
        'abandoned|Interactions that the caller ended in a queue or while a phone rang, before any agent took them',
        'abandoned_short|Of these, those within the short-abandon threshold, the threshold itself included',
        'abandoned_standard|Of these, the others',
        'abandoned_time_ms|Begin to end of the abandoned, milliseconds',
        'engage_time_ms|Talk of agents with the customer, hold and conferences left out, milliseconds',
        'hold_time_ms|Hold of the customer, milliseconds',
        'wrap_time_ms|After-call work for the customer, milliseconds',
        'conference_time_ms|Conferences of agents who handled the customer, milliseconds',
        'transfer_init|Transfers by agents',
        'consult_received_accepted|Consultations taken',
        'consult_received_engage_time_ms|Talk in these, also after the transfer or conference they ended in, milliseconds',
        'consult_initiated|Consultations begun and answered']);
END
$sets$;

-- Which groups of queues a queue belongs to; one in none belongs to -2.
CREATE VIEW agg.queue_group_member AS
SELECT queue.resource_key, -2::bigint AS group_key
FROM mart.resource_ AS queue
WHERE queue.resource_type_code = 'QUEUE';
COMMENT ON VIEW agg.queue_group_member IS 'Which groups of queues a queue belongs to, as configured now';
COMMENT ON COLUMN agg.queue_group_member.resource_key IS 'Queue';
COMMENT ON COLUMN agg.queue_group_member.group_key IS 'Group; -2 none';

-- Groups of queues hold what their queues hold, at every level; membership is configuration, so nothing is stored.
DO $groups$
DECLARE
    level text;
    original text;
    target text;
    shown text;
    comment text;
    base text;
BEGIN
    FOR level IN SELECT unnest(ARRAY['subhr', '30min', 'hour', 'day', 'week', 'month', 'quarter', 'year']) LOOP
        base := 'agg.queue_' || level;
        target := 'agg.queue_grp_' || level;
        EXECUTE format('CREATE VIEW %s AS SELECT q.tenant_key, q.date_time_key, m.group_key, q.media_type_key, q.interaction_type_key, %s'
            ' FROM %s AS q JOIN agg.queue_group_member AS m USING (resource_key)'
            ' GROUP BY q.tenant_key, q.date_time_key, m.group_key, q.media_type_key, q.interaction_type_key', target,
            (SELECT string_agg(format(CASE WHEN attname LIKE '%\_max\_ms' THEN 'max(q.%1$I) AS %1$I'
                ELSE 'sum(q.%1$I)::bigint AS %1$I' END, attname), ', ' ORDER BY attnum)
                FROM pg_attribute WHERE attrelid = base::regclass AND attnum > 0 AND attname NOT LIKE '%\_key'), base);
        EXECUTE format('COMMENT ON VIEW %s IS %L', target, replace(replace(obj_description(base::regclass), 'Queues:', 'Groups of queues:'),
            '; by', '; each queue in all its groups; by'));
        FOR shown, comment IN
            SELECT v.attname, coalesce(col_description(base::regclass, b.attnum), 'Group of queues; -2 none')
            FROM pg_attribute AS v LEFT JOIN pg_attribute AS b ON b.attrelid = base::regclass AND b.attname = v.attname
            WHERE v.attrelid = target::regclass AND v.attnum > 0
        LOOP
            EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', target, shown, comment);
        END LOOP;
        CONTINUE WHEN level = '30min';
        base := format('gim.ag2_queue_%s', replace(level, 'quarter', 'qrtr'));
        original := format('gim.ag2_queue_grp_%s', replace(level, 'quarter', 'qrtr'));
        EXECUTE format('CREATE VIEW %s AS SELECT %s FROM %s', original, (
            SELECT string_agg(CASE
                WHEN attname = 'resource_key' THEN 'group_key, -2::bigint AS resource_key'
                WHEN attname IN ('group_combination_key', 'interaction_descriptor_key', 'user_data_key1', 'user_data_key2')
                    THEN format('-2::bigint AS %I', attname)
                WHEN attname LIKE '%\_key' THEN attname
                WHEN attname = 'abandoned' THEN 'abandoned_waiting AS abandoned'
                WHEN EXISTS (SELECT FROM pg_attribute AS t WHERE t.attrelid = target::regclass AND t.attname = a.attname) THEN quote_ident(attname)
                ELSE format('%I / 1000 AS %I', attname || '_ms', attname) END, ', ' ORDER BY attnum)
            FROM pg_attribute AS a WHERE attrelid = base::regclass AND attnum > 0), target);
        EXECUTE format('COMMENT ON VIEW %s IS %L', original, obj_description(target::regclass) || '; times in seconds, cut');
        FOR shown, comment IN
            SELECT v.attname, CASE v.attname WHEN 'group_key' THEN 'Group of queues; -2 none' WHEN 'resource_key' THEN 'Constant -2: no value'
                ELSE col_description(base::regclass, b.attnum) END
            FROM pg_attribute AS v LEFT JOIN pg_attribute AS b ON b.attrelid = base::regclass AND b.attname = v.attname
            WHERE v.attrelid = original::regclass AND v.attnum > 0
        LOOP
            EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', original, shown, comment);
        END LOOP;
    END LOOP;
END
$groups$;

CREATE VIEW gim.time_range AS
SELECT
    range.time_range_key,
    bucket.n AS range_number,
    coalesce(range.edges_ms[bucket.n - 1], 0) / 1000 AS range_start,
    range.edges_ms[bucket.n] / 1000 AS range_end
FROM mart.time_range AS range
CROSS JOIN generate_series(1, 20) AS bucket (n)
WHERE bucket.n <= coalesce(array_length(range.edges_ms, 1), 0) + 1;
COMMENT ON VIEW gim.time_range IS 'Buckets of times; a bucket holds what is longer than its start, up to and with its end';
COMMENT ON COLUMN gim.time_range.time_range_key IS 'Edges, as in AG2_QUEUE_ACC_AGENT and AG2_QUEUE_ABN';
COMMENT ON COLUMN gim.time_range.range_number IS 'Bucket: the number at the end of the measure''s name';
COMMENT ON COLUMN gim.time_range.range_start IS 'Longer than so many seconds';
COMMENT ON COLUMN gim.time_range.range_end IS 'Up to so many seconds; NULL no limit';

CREATE TABLE ctl.aggregate_request (
    tenant_key integer NOT NULL,
    set_name text NOT NULL,
    level text NOT NULL CHECK (level IN ('subhr', 'day', 'month')),
    date_time_key bigint NOT NULL,
    transaction_id bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint,
    requested_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_key, set_name, level, date_time_key, transaction_id)
);
COMMENT ON TABLE ctl.aggregate_request IS 'Intervals of aggregates to be computed again; left by loads in their own transaction, taken by the rebuild in its own';
COMMENT ON COLUMN ctl.aggregate_request.tenant_key IS 'Tenant';
COMMENT ON COLUMN ctl.aggregate_request.set_name IS 'Set';
COMMENT ON COLUMN ctl.aggregate_request.level IS 'subhr: 15 minutes and the hour; day; month';
COMMENT ON COLUMN ctl.aggregate_request.date_time_key IS 'Begin of the interval of that level';
COMMENT ON COLUMN ctl.aggregate_request.transaction_id IS 'Transaction that asks: keeps those that ask and those that take from waiting for each other';
COMMENT ON COLUMN ctl.aggregate_request.requested_at IS 'When; a level with a delay is due so much later';

CREATE TABLE ctl.aggregate_horizon (
    source_key bigint PRIMARY KEY,
    reached_at timestamptz NOT NULL,
    moved_at timestamptz NOT NULL
);
COMMENT ON TABLE ctl.aggregate_horizon IS 'Up to when states that go on are counted: how far each source had been heard when aggregation ran last';
COMMENT ON COLUMN ctl.aggregate_horizon.source_key IS 'Source';
COMMENT ON COLUMN ctl.aggregate_horizon.reached_at IS 'Its latest event that was extracted then';
COMMENT ON COLUMN ctl.aggregate_horizon.moved_at IS 'When it was moved last';

CREATE TABLE ctl.aggregate_threshold_span (
    from_at timestamptz NOT NULL,
    to_at timestamptz NOT NULL CHECK (to_at > from_at),
    as_of timestamptz NOT NULL,
    PRIMARY KEY (as_of, from_at)
);
COMMENT ON TABLE ctl.aggregate_threshold_span IS 'Spans that were redone with later thresholds than their own; the latest counts';
COMMENT ON COLUMN ctl.aggregate_threshold_span.from_at IS 'Begin';
COMMENT ON COLUMN ctl.aggregate_threshold_span.to_at IS 'End';
COMMENT ON COLUMN ctl.aggregate_threshold_span.as_of IS 'Thresholds in force at this time hold for the span';

-- What goes on over midnight is found by its end, however long ago it began.
CREATE INDEX ixn_resource_state_fact_end_ix ON mart.ixn_resource_state_fact ((coalesce(end_date_time_key, 9223372036854775807)));
CREATE INDEX sm_res_session_fact_end_ix ON mart.sm_res_session_fact ((coalesce(end_date_time_key, 9223372036854775807)));
CREATE INDEX sm_res_state_fact_end_ix ON mart.sm_res_state_fact ((coalesce(end_date_time_key, 9223372036854775807)));
CREATE INDEX sm_res_state_reason_fact_end_ix ON mart.sm_res_state_reason_fact ((coalesce(end_date_time_key, 9223372036854775807)));

-- Whoever writes facts leaves requests for the intervals that they touched before and touch now, in the same transaction. Triggers do not
-- fire where replication applies: there the requests arrive by themselves.
CREATE FUNCTION ctl.request_of_interaction() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    INSERT INTO ctl.aggregate_request (tenant_key, set_name, level, date_time_key)
    SELECT DISTINCT tenant_key, 'id', 'subhr', start_date_time_key FROM changed
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$body$;
COMMENT ON FUNCTION ctl.request_of_interaction() IS 'Leaves requests for the aggregates that interactions go into';

CREATE FUNCTION ctl.request_of_attempt() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    INSERT INTO ctl.aggregate_request (tenant_key, set_name, level, date_time_key)
    SELECT DISTINCT fact.tenant_key, wanted.set_name, 'subhr', wanted.date_time_key
    FROM changed AS fact
    CROSS JOIN LATERAL (VALUES ('agent', fact.start_date_time_key), ('agent_grp', fact.start_date_time_key),
        ('agent_queue', CASE WHEN fact.last_queue_resource_key <> -2 THEN fact.start_date_time_key END),
        ('queue', fact.mediation_date_time_key), ('queue_acc_agent', fact.mediation_date_time_key),
        ('id', fact.interaction_date_time_key)) AS wanted (set_name, date_time_key)
    WHERE wanted.date_time_key IS NOT NULL
    UNION
    SELECT DISTINCT fact.tenant_key, 'i_agent', 'subhr', touched.key
    FROM changed AS fact
    LEFT JOIN ctl.aggregate_horizon AS horizon USING (source_key)
    CROSS JOIN LATERAL generate_series(fact.start_date_time_key, mart.date_time_key(coalesce(fact.end_at, greatest(horizon.reached_at,
        fact.start_at)) + interval '1 millisecond' * (fact.after_call_work_duration_ms + fact.customer_acw_duration_ms
        + fact.cons_rcv_acw_duration_ms)), 900) AS touched (key)
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$body$;
COMMENT ON FUNCTION ctl.request_of_attempt() IS 'Leaves requests for the aggregates that attempts go into';

CREATE FUNCTION ctl.request_of_visit() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    INSERT INTO ctl.aggregate_request (tenant_key, set_name, level, date_time_key)
    SELECT DISTINCT fact.tenant_key, wanted.set_name, 'subhr', fact.start_date_time_key
    FROM changed AS fact
    CROSS JOIN unnest(ARRAY['queue', 'queue_acc_agent', 'queue_abn']) AS wanted (set_name)
    UNION
    -- An earlier visit is the last one to the queue, or is it no more.
    SELECT earlier.tenant_key, 'queue_abn', 'subhr', earlier.start_date_time_key
    FROM changed AS fact
    JOIN mart.mediation_segment_fact AS earlier
        ON earlier.tenant_key = fact.tenant_key
        AND earlier.start_date_time_key BETWEEN fact.start_date_time_key - 86400 AND fact.start_date_time_key
        AND earlier.interaction_id = fact.interaction_id
        AND earlier.result = 'abandoned'
    WHERE fact.entered_by <> 'arrival' OR fact.entry_ordinal > 1
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$body$;
COMMENT ON FUNCTION ctl.request_of_visit() IS 'Leaves requests for the aggregates that visits go into';

CREATE FUNCTION ctl.request_of_session() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    INSERT INTO ctl.aggregate_request (tenant_key, set_name, level, date_time_key)
    SELECT DISTINCT tenant_key, 'i_sess_state', 'subhr', end_of.date_time_key
    FROM changed
    CROSS JOIN LATERAL (VALUES (start_date_time_key), (end_date_time_key)) AS end_of (date_time_key)
    WHERE end_of.date_time_key IS NOT NULL
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$body$;
COMMENT ON FUNCTION ctl.request_of_session() IS 'Leaves requests for the aggregates that begins and ends of sessions go into';

CREATE FUNCTION ctl.request_of_span() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    INSERT INTO ctl.aggregate_request (tenant_key, set_name, level, date_time_key)
    SELECT DISTINCT fact.tenant_key, TG_ARGV[0], 'subhr', touched.key
    FROM changed AS fact
    LEFT JOIN ctl.aggregate_horizon AS horizon USING (source_key)
    CROSS JOIN LATERAL generate_series(fact.start_date_time_key,
        mart.date_time_key(coalesce(fact.end_at, greatest(horizon.reached_at, fact.start_at))), 900) AS touched (key)
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$body$;
COMMENT ON FUNCTION ctl.request_of_span() IS 'Leaves requests for a set in every interval that spans of time touch; those that go on, up to the horizon';

DO $triggers$
DECLARE
    fact record;
    event record;
BEGIN
    FOR fact IN
        SELECT * FROM (VALUES ('interaction_fact', 'request_of_interaction()'), ('interaction_resource_fact', 'request_of_attempt()'),
            ('mediation_segment_fact', 'request_of_visit()'), ('sm_res_session_fact', 'request_of_session()'),
            ('ixn_resource_state_fact', 'request_of_span(''i_agent'')'), ('sm_res_state_fact', 'request_of_span(''i_sess_state'')'),
            ('sm_res_state_reason_fact', 'request_of_span(''i_state_rsn'')'), ('resource_group_fact_', 'request_of_span(''agent_grp'')'))
            AS f (name, call)
    LOOP
        FOR event IN
            SELECT * FROM (VALUES ('inserted', 'INSERT', 'NEW'), ('changed_to', 'UPDATE', 'NEW'), ('changed_from', 'UPDATE', 'OLD'),
                ('deleted', 'DELETE', 'OLD')) AS e (name, operation, rows)
        LOOP
            EXECUTE format('CREATE TRIGGER aggregate_%s AFTER %s ON mart.%I REFERENCING %s TABLE AS changed FOR EACH STATEMENT'
                ' EXECUTE FUNCTION ctl.%s', event.name, event.operation, fact.name, event.rows, fact.call);
        END LOOP;
    END LOOP;
END
$triggers$;

-- Facts of a release without aggregates have left no requests; what they touch is asked for here, whole, once.
INSERT INTO ctl.aggregate_request (tenant_key, set_name, level, date_time_key, transaction_id, requested_at)
SELECT held.tenant_key, wanted.set_name, 'subhr', touched.key, 0, 'epoch'
FROM (
    SELECT tenant_key, min(start_date_time_key) AS first_key,
        max(coalesce(nullif(end_date_time_key, 9223372036854775807), start_date_time_key)) + 86400 AS last_key
    FROM (
        SELECT tenant_key, start_date_time_key, end_date_time_key FROM mart.interaction_fact
        UNION ALL
        SELECT tenant_key, start_date_time_key, end_date_time_key FROM mart.sm_res_session_fact
    ) AS fact
    GROUP BY tenant_key
) AS held
CROSS JOIN unnest(ARRAY['agent', 'agent_grp', 'agent_queue', 'i_agent', 'i_sess_state', 'i_state_rsn', 'id', 'queue', 'queue_abn',
    'queue_acc_agent']) AS wanted (set_name)
CROSS JOIN generate_series(held.first_key, held.last_key, 900) AS touched (key);
