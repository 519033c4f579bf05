-- Room for the agents whose states are recomputed, each with the moment from which.
-- grain   agent
-- reads   mart.sm_res_state_fact (its shape)
-- writes  working_resource (temporary)
-- rule    emptied at the end of each transaction
CREATE TEMPORARY TABLE IF NOT EXISTS working_resource ON COMMIT DELETE ROWS AS
SELECT
    resource_key,
    start_at AS window_at,
    start_at AS session_at,
    start_at AS reason_at,
    sm_res_state_fact_key AS reason_state_key,
    start_date_time_key AS reason_state_sdt_key
FROM mart.sm_res_state_fact
WITH NO DATA
