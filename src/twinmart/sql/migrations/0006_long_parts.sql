-- Parts in an interaction that last for more than a day, or have no end yet: found by the agent, however long ago they began.

CREATE INDEX interaction_resource_fact_long_ix ON mart.interaction_resource_fact (resource_key, start_at)
    WHERE total_duration_ms IS NULL
        OR total_duration_ms + after_call_work_duration_ms + customer_acw_duration_ms + cons_rcv_acw_duration_ms > 86400000;
