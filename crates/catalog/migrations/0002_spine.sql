-- Who touches a living thing does so alone: backups and restores of one source take turns.
ALTER TABLE jobs RENAME COLUMN destructive TO alone;
CREATE UNIQUE INDEX jobs_alone ON jobs (source) WHERE state = 'running' AND alone = 1;

-- What runs by itself. `next` is empty when nothing is due any more.
CREATE TABLE schedules (
    name TEXT PRIMARY KEY,
    source TEXT,
    enabled BIGINT NOT NULL,
    last BIGINT,
    next BIGINT
);
CREATE INDEX schedules_by_next ON schedules (next);
CREATE INDEX schedules_by_last ON schedules (last);
CREATE INDEX schedules_by_enabled ON schedules (enabled);

-- Notices on their way. `next` is empty when they were given up.
CREATE TABLE outbox (
    id TEXT PRIMARY KEY,
    source TEXT,
    channel TEXT NOT NULL,
    notice TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    next BIGINT,
    problem TEXT NOT NULL,
    created BIGINT NOT NULL
);
CREATE INDEX outbox_by_next ON outbox (next);
