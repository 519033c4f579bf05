-- What a site's own mart knows of the topology, its lease, and of the active site's last contact.
-- grain   one row
-- reads   cfg.topology, ops.replica, ops.lease, ops.contact, ctl.heartbeat
-- writes  nothing
-- rule    lag is the newest beat that the active site told of less the newest that has crossed, both by its clock
SELECT
    topology.epoch,
    topology.active_site,
    EXISTS (SELECT FROM ops.replica) AS is_replica,
    EXISTS (SELECT FROM ops.lease WHERE lease.epoch = topology.epoch) AS is_watched,
    coalesce(contact.contact, 0) AS contact,
    contact.witness,
    contact.claimed_epoch,
    extract(epoch FROM contact.beat_at - crossed.beat_at)::double precision AS lag_s,
    extract(epoch FROM clock_timestamp() - contact.verified_at)::double precision AS verified_age_s
FROM cfg.topology AS topology
LEFT JOIN ops.contact AS contact ON contact.site = topology.active_site
LEFT JOIN ctl.heartbeat AS crossed ON crossed.site = topology.active_site
