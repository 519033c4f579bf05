-- What goes on from one interval into others is found by its end; what ends where it began is found by its begin. So news for an old
-- interval does not read all that has ended since, and these indexes hold a tenth of the rows.
CREATE INDEX ixn_resource_state_fact_crossing_ix ON mart.ixn_resource_state_fact ((coalesce(end_date_time_key, 9223372036854775807)))
    WHERE end_date_time_key IS DISTINCT FROM start_date_time_key;
CREATE INDEX sm_res_state_fact_crossing_ix ON mart.sm_res_state_fact ((coalesce(end_date_time_key, 9223372036854775807)))
    WHERE end_date_time_key IS DISTINCT FROM start_date_time_key;
CREATE INDEX sm_res_state_reason_fact_crossing_ix ON mart.sm_res_state_reason_fact ((coalesce(end_date_time_key, 9223372036854775807)))
    WHERE end_date_time_key IS DISTINCT FROM start_date_time_key;
DROP INDEX mart.ixn_resource_state_fact_end_ix;
DROP INDEX mart.sm_res_state_fact_end_ix;
DROP INDEX mart.sm_res_state_reason_fact_end_ix;

-- Whose states are no work for a customer: few, so that nobody reads all attempts to know it.
CREATE INDEX interaction_resource_fact_aside_ix ON mart.interaction_resource_fact (tenant_key, start_date_time_key)
    WHERE customer_dial_count + customer_ring_count + customer_talk_count = 0;
