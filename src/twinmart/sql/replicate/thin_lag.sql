-- Thins the history of lag: all of the last hour, the worst of a minute for a day, the worst of an hour for ninety days.
-- grain   one row a look, a minute or an hour
-- reads   ops.lag_history
-- writes  ops.lag_history
-- rule    of each span the longest lag stays, an unknown one first, so that thinning never makes the past look better
DELETE FROM ops.lag_history
WHERE at < now() - interval '90 days'
   OR at IN (
       SELECT at
       FROM (
           SELECT
               at,
               row_number() OVER (
                   PARTITION BY
                       CASE WHEN at < now() - interval '1 day' THEN date_trunc('hour', at) ELSE date_trunc('minute', at) END
                   ORDER BY lag_ms DESC NULLS FIRST, at
               ) AS place
           FROM ops.lag_history
           WHERE at < now() - interval '1 hour'
       ) AS ranked
       WHERE place > 1
   )
