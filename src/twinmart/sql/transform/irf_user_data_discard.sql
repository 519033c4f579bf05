-- Rows of mart.irf_user_data_discard for the working interactions.
-- grain   row that carries user data, column
-- reads   user_value (temporary)
-- writes  nothing
-- rule    the interaction itself is loaded: what somebody typed is never a reason to lose a call
SELECT
    1 AS tenant_key,
    start_date_time_key,
    interaction_resource_id,
    column_name AS ude_column_name,
    interaction_id,
    is_segment,
    ud_key_name,
    left(value, 80) AS value,
    'not a number of up to 15 digits' AS reason
FROM user_value
WHERE table_name = 'irf_user_data_gen' AND column_name IN ('revenue', 'satisfaction') AND mart.plain_number(value) IS NULL
