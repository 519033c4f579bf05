-- Take back the records of discarded interactions that are recomputed.
-- grain   interaction
-- reads   working_call (temporary)
-- writes  ctl.transform_discard
-- rule    what is still broken is recorded again
DELETE FROM ctl.transform_discard AS known
USING working_call AS call
WHERE known.source_key = call.source_key
  AND known.root_id = call.linked_id
  AND NOT EXISTS (SELECT FROM broken WHERE broken.source_key = known.source_key AND broken.root_id = known.root_id)
