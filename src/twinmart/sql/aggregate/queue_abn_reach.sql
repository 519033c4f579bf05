-- Up to when the interactions last that the visits of a span belong to, and so later visits to the same queue may begin.
-- grain   span
-- reads   mart.mediation_segment_fact, mart.interaction_fact
-- writes  nothing
-- rule    known beforehand, it leaves out all other partitions; at most a day, as the requests for earlier visits have it
-- parameters  tenant_key, from_key, to_key
SELECT
    %(from_key)s::bigint AS first_key,
    least(max(visit.start_date_time_key) + 86400, (
        SELECT max(coalesce(ixn.end_date_time_key, 9223372036854775807))
        FROM mart.interaction_fact AS ixn
        WHERE ixn.tenant_key = %(tenant_key)s
          AND ixn.start_date_time_key < %(to_key)s
          AND coalesce(ixn.end_date_time_key, 9223372036854775807) >= %(from_key)s
          AND ixn.start_date_time_key >= (
              SELECT min(interaction_date_time_key)
              FROM mart.mediation_segment_fact
              WHERE tenant_key = %(tenant_key)s AND start_date_time_key >= %(from_key)s AND start_date_time_key < %(to_key)s
          )
    )) AS last_key
FROM mart.mediation_segment_fact AS visit
WHERE visit.tenant_key = %(tenant_key)s AND visit.start_date_time_key >= %(from_key)s AND visit.start_date_time_key < %(to_key)s
