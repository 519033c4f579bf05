-- Members of the dimensions of user data that the working interactions lead to.
-- grain   member
-- reads   user_dim (temporary)
-- writes  mart.user_data_cust_dim, mart.interaction_descriptor
-- rule    a member that no row leads to any more does no harm, and stays
WITH descriptor AS (
    INSERT INTO mart.interaction_descriptor
    SELECT DISTINCT id, 1, attribute_1, attribute_2, attribute_3, attribute_4, %(audit_key)s::bigint FROM user_dim WHERE dim_no = 0
    ON CONFLICT DO NOTHING
)
INSERT INTO mart.user_data_cust_dim
SELECT DISTINCT dim_no, id, 1, attribute_1, attribute_2, attribute_3, attribute_4, attribute_5, %(audit_key)s::bigint
FROM user_dim
WHERE dim_no > 0
ON CONFLICT DO NOTHING
