-- Take the requests of a span.
-- grain   request
-- reads   ctl.aggregate_request
-- writes  ctl.aggregate_request
-- rule    only those that are seen now; what is computed afterwards sees at least the facts that they stand for
DELETE FROM ctl.aggregate_request
WHERE tenant_key = %(tenant_key)s AND set_name = ANY (%(set_names)s) AND level = %(level)s
  AND date_time_key >= %(from_key)s AND date_time_key < %(to_key)s
RETURNING set_name
