-- Rows of mart.irf_user_data_cust for the working interactions.
-- grain   row that carries user data, table
-- reads   user_value (temporary)
-- writes  nothing
-- rule    a row for each table of which a column has a value
SELECT
    1 AS tenant_key,
    start_date_time_key,
    interaction_resource_id,
    table_no,
    interaction_id,
    is_segment,
    max(value) FILTER (WHERE column_name = 'custom_data_1') AS custom_data_1,
    max(value) FILTER (WHERE column_name = 'custom_data_2') AS custom_data_2,
    max(value) FILTER (WHERE column_name = 'custom_data_3') AS custom_data_3,
    max(value) FILTER (WHERE column_name = 'custom_data_4') AS custom_data_4,
    max(value) FILTER (WHERE column_name = 'custom_data_5') AS custom_data_5,
    max(value) FILTER (WHERE column_name = 'custom_data_6') AS custom_data_6,
    max(value) FILTER (WHERE column_name = 'custom_data_7') AS custom_data_7,
    max(value) FILTER (WHERE column_name = 'custom_data_8') AS custom_data_8,
    max(value) FILTER (WHERE column_name = 'custom_data_9') AS custom_data_9,
    max(value) FILTER (WHERE column_name = 'custom_data_10') AS custom_data_10,
    max(value) FILTER (WHERE column_name = 'custom_data_11') AS custom_data_11,
    max(value) FILTER (WHERE column_name = 'custom_data_12') AS custom_data_12,
    max(value) FILTER (WHERE column_name = 'custom_data_13') AS custom_data_13,
    max(value) FILTER (WHERE column_name = 'custom_data_14') AS custom_data_14,
    max(value) FILTER (WHERE column_name = 'custom_data_15') AS custom_data_15,
    max(value) FILTER (WHERE column_name = 'custom_data_16') AS custom_data_16
FROM user_value
WHERE table_name = 'irf_user_data_cust'
GROUP BY start_date_time_key, interaction_resource_id, table_no, interaction_id, is_segment
