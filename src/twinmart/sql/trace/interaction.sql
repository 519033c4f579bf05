-- One interaction as it stands in the facts, with its discard if it has one.
-- grain   interaction; one row or none
-- reads   mart.interaction_fact, mart.interaction_type, mart.tenant, cfg.source, ctl.transform_discard
-- writes  nothing
-- rule    a discarded interaction has this row alone
SELECT
    fact.source_key,
    source.name AS source,
    fact.interaction_id,
    fact.start_date_time_key,
    fact.media_server_root_ixn_guid AS root_id,
    kind.interaction_type AS direction,
    fact.source_address,
    fact.target_address,
    fact.status,
    fact.active_flag,
    fact.call_count,
    fact.start_at,
    fact.end_at,
    fact.duration_ms,
    fact.create_audit_key,
    fact.update_audit_key,
    discard.code AS discard_code,
    discard.reason AS discard_reason,
    discard.discarded_at,
    discard.audit_key AS discard_audit_key,
    to_jsonb(fact) AS fact
FROM mart.interaction_fact AS fact
LEFT JOIN cfg.source AS source ON source.source_key = fact.source_key
LEFT JOIN mart.interaction_type AS kind USING (interaction_type_key)
LEFT JOIN ctl.transform_discard AS discard
    ON discard.source_key = fact.source_key AND discard.root_id = fact.media_server_root_ixn_guid AND fact.status = 2
WHERE fact.tenant_key IN (SELECT tenant_key FROM mart.tenant)
  AND fact.start_date_time_key = %(date_time_key)s
  AND fact.interaction_id = %(interaction_id)s
