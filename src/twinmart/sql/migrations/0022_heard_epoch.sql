-- The epoch that a site has heard of elsewhere stands with what it has promised, so that every loader finds it and not the mart server alone.
ALTER TABLE ops.recovery_fence ADD COLUMN heard_epoch bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN ops.recovery_fence.heard_epoch IS 'Highest epoch above its own that the site has heard of at another; while it is above the mart''s, nothing is loaded';
UPDATE ops.recovery_fence SET heard_epoch = coalesce((SELECT max(epoch_seen) FROM ops.server), 0);
ALTER TABLE ops.server DROP COLUMN epoch_seen;
