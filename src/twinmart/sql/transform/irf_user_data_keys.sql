-- Rows of mart.irf_user_data_keys for the working interactions.
-- grain   row that carries user data
-- reads   user_dim (temporary)
-- writes  nothing
-- rule    the key of dimension n stands at place n
SELECT
    1 AS tenant_key,
    member.start_date_time_key,
    member.interaction_resource_id,
    member.interaction_id,
    member.is_segment,
    coalesce(max(member.id) FILTER (WHERE member.dim_no = 0), -2) AS interaction_descriptor_key,
    ARRAY(
        SELECT found.id
        FROM generate_series(1, max(member.dim_no)) AS place (dim_no)
        LEFT JOIN unnest(array_agg(member.dim_no), array_agg(member.id)) AS found (dim_no, id) USING (dim_no)
        ORDER BY place.dim_no
    ) AS custom_keys
FROM user_dim AS member
GROUP BY member.start_date_time_key, member.interaction_resource_id, member.interaction_id, member.is_segment
