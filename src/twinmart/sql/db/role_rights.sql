-- Whether a role may do more than a reader ought to, so that no rule about rows would hold it up.
-- grain   one role
-- reads   pg_roles, pg_auth_members, pg_class, pg_database
-- writes  nothing
-- rule    the program's own roles, superusers, members of other roles and owners are none that a reader can be
SELECT
    role.rolname LIKE 'twinmart%%' OR role.rolsuper OR role.rolbypassrls OR role.rolreplication OR role.rolcreaterole
    OR EXISTS (SELECT FROM pg_auth_members AS part WHERE part.member = role.oid)
    OR EXISTS (SELECT FROM pg_class AS item WHERE item.relowner = role.oid)
    OR EXISTS (SELECT FROM pg_database AS place WHERE place.datdba = role.oid) AS may_more
FROM pg_roles AS role
WHERE role.rolname = %(role)s
