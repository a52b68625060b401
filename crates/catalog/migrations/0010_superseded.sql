-- When a job last set about changing what it is of; when it was put into the queue for the last time; and whether it can never go on:
-- 0 = it can, 1 = never, and what it left lying about may still be there, 2 = never, and nothing is left.
ALTER TABLE jobs ADD COLUMN changed BIGINT;
ALTER TABLE jobs ADD COLUMN queued BIGINT;
ALTER TABLE jobs ADD COLUMN closed BIGINT NOT NULL DEFAULT 0;

-- Restores from before that had made their safety backup, or did without one, have changed something.
UPDATE jobs SET changed = COALESCE(ended, started, created) WHERE kind = 'restore' AND EXISTS (SELECT 1 FROM journal
    WHERE journal.job = jobs.id AND journal.step = 'service:safety'
    AND (journal.data <> 'null' OR jobs.request LIKE '%"without_safety":"%'));
UPDATE jobs SET closed = 1, error_kind = 'drifted', error_message = 'superseded: a later restore has changed the same target since',
    error_hint = '`cairn restore` makes a new plan; `cairn undo` takes the last restore back' WHERE kind = 'restore' AND state IN ('interrupted', 'failed', 'cancelled')
    AND EXISTS (SELECT 1 FROM jobs later WHERE later.source = jobs.source AND later.kind = 'restore'
    AND later.changed IS NOT NULL AND later.created > jobs.created);

CREATE INDEX jobs_by_change ON jobs (changed, id) WHERE changed IS NOT NULL;
CREATE INDEX jobs_left ON jobs (source, created, id) WHERE closed = 1;
