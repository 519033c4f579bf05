-- Room for the agents whose states are recomputed, each with the moment from which and with what goes on over that moment.
-- grain   agent
-- reads   mart.sm_res_state_fact, mart.sm_res_state_reason_fact (their shape)
-- writes  working_resource (temporary)
-- rule    emptied at the end of each transaction
CREATE TEMPORARY TABLE IF NOT EXISTS working_resource ON COMMIT DELETE ROWS AS
SELECT
    state.resource_key,
    state.start_at AS from_at,
    state.start_at AS session_at,
    state.start_at AS state_at,
    state.resource_state_key,
    reason.start_at AS reason_at,
    reason.resource_state_reason_key AS reason_key,
    reason.sm_res_state_fact_key AS reason_state_key,
    reason.sm_res_state_fact_sdt_key AS reason_state_sdt_key
FROM mart.sm_res_state_fact AS state, mart.sm_res_state_reason_fact AS reason
WITH NO DATA
