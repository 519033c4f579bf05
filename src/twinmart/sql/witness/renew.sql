-- Hold the lease from now on, unless a higher epoch is known or another site holds this one.
-- grain   one row, or none where it is refused
-- reads   nothing
-- writes  twinmart_witness
-- rule    compare and set in one statement; where the holder changes, the anti-flap block begins
INSERT INTO twinmart_witness AS known (name, holder, epoch, beat, grace_ms, fences, held_until)
VALUES (
    %(name)s, %(site)s, %(epoch)s, 1, %(grace_ms)s, %(fences)s, clock_timestamp() + %(grace_ms)s * interval '1 millisecond'
)
ON CONFLICT (name) DO UPDATE
SET
    holder = excluded.holder,
    epoch = excluded.epoch,
    beat = known.beat + 1,
    grace_ms = excluded.grace_ms,
    fences = excluded.fences,
    held_until = excluded.held_until,
    blocked_until = CASE
        WHEN known.holder <> excluded.holder THEN clock_timestamp() + %(block_ms)s * interval '1 millisecond'
        ELSE known.blocked_until
    END
WHERE
    known.beat = %(beat)s
    AND (known.epoch < excluded.epoch OR (known.epoch = excluded.epoch AND known.holder = excluded.holder))
RETURNING beat
