-- Rows of mart.irf_user_data_gen_1 for the working interactions.
-- grain   row that carries user data
-- reads   user_value (temporary)
-- writes  nothing
-- rule    what is no number where one belongs is NULL here, and told in irf_user_data_discard
SELECT
    1 AS tenant_key,
    start_date_time_key,
    interaction_resource_id,
    interaction_id,
    is_segment,
    max(value) FILTER (WHERE column_name = 'customer_id') AS customer_id,
    max(mart.plain_number(value)) FILTER (WHERE column_name = 'revenue') AS revenue,
    max(mart.plain_number(value)) FILTER (WHERE column_name = 'satisfaction') AS satisfaction,
    max(value) FILTER (WHERE column_name = 'gsw_call_attempt_guid') AS gsw_call_attempt_guid
FROM user_value
WHERE table_name = 'irf_user_data_gen'
GROUP BY start_date_time_key, interaction_resource_id, interaction_id, is_segment
