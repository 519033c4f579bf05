-- Business attributes of attempts, and of visits where these carry user data too.
-- grain   row that carries business attributes
-- reads   mart.irf_user_data_keys
-- writes  nothing
-- rule    what has none has no row
SELECT tenant_key, start_date_time_key, interaction_resource_id, interaction_descriptor_key
FROM mart.irf_user_data_keys
WHERE interaction_descriptor_key <> -2
