-- The member of each dimension of user data that each row leads to.
-- grain   row that carries user data, dimension; dimension 0 is the interaction descriptor
-- reads   user_value (temporary)
-- writes  nothing
-- rule    the key is a hash of the values, so that the same values have the same key everywhere; none where there is no value
SELECT
    *,
    mart.dimension_key(
        CASE dim_no WHEN 0 THEN 'INTERACTION_DESCRIPTOR|' ELSE 'USER_DATA_CUST_DIM|' || dim_no || '|' END
            || jsonb_build_array(attribute_1, attribute_2, attribute_3, attribute_4, attribute_5)::text
    ) AS id
FROM (
    SELECT
        interaction_id,
        interaction_resource_id,
        start_date_time_key,
        is_segment,
        table_no AS dim_no,
        coalesce(max(left(value, 255)) FILTER (WHERE column_name IN ('dim_attribute_1', 'customer_segment')), 'none') AS attribute_1,
        coalesce(max(left(value, 255)) FILTER (WHERE column_name IN ('dim_attribute_2', 'service_type')), 'none') AS attribute_2,
        coalesce(max(left(value, 255)) FILTER (WHERE column_name IN ('dim_attribute_3', 'service_subtype')), 'none') AS attribute_3,
        coalesce(max(left(value, 255)) FILTER (WHERE column_name IN ('dim_attribute_4', 'business_result')), 'none') AS attribute_4,
        coalesce(max(left(value, 255)) FILTER (WHERE column_name = 'dim_attribute_5'), 'none') AS attribute_5
    FROM user_value
    WHERE table_name IN ('user_data_cust_dim', 'interaction_descriptor')
    GROUP BY interaction_id, interaction_resource_id, start_date_time_key, is_segment, table_no
) AS member
