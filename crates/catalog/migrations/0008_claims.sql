-- A key is held by a process, until a moment that it puts off while it works; and the job that was asked for under the key is named before
-- it is there, so that whoever comes after a crash knows what was done.
ALTER TABLE answers ADD COLUMN owner TEXT NOT NULL DEFAULT '';
ALTER TABLE answers ADD COLUMN until BIGINT NOT NULL DEFAULT 0;
ALTER TABLE answers ADD COLUMN job TEXT NOT NULL DEFAULT '';
