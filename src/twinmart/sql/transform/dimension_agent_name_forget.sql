-- Take back the names of the working agents from the moment of recomputation on.
-- grain   agent, name, begin
-- reads   working_resource (temporary)
-- writes  mart.resource_history
-- rule    they are told anew
DELETE FROM mart.resource_history AS known
USING working_resource AS resource
WHERE known.resource_key = resource.resource_key AND known.valid_from >= resource.from_at
