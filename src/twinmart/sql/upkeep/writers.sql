-- Roles other than its owner that may write a table.
-- grain   role
-- reads   pg_class, pg_roles
-- writes  nothing
-- rule    at a replica it is the one that applies what crosses the link
SELECT role.rolname
FROM pg_class AS item
CROSS JOIN aclexplode(item.relacl) AS given
JOIN pg_roles AS role ON role.oid = given.grantee
WHERE item.oid = %s::regclass
  AND given.privilege_type = 'INSERT'
  AND given.grantee <> item.relowner
