-- Long lists are read page by page, the newest first; what is filtered stands in the index, so that rows are fetched only to be shown.
DROP INDEX backups_by_source;
DROP INDEX backups_by_time;
CREATE INDEX backups_by_time ON backups (created, id, source, reason, state);
CREATE INDEX backups_by_source ON backups (source, created, id, reason, state);
CREATE INDEX backups_by_reason ON backups (reason, created, id, state);
CREATE INDEX backups_not_ok ON backups (state, created, id) WHERE state <> 'ok';
-- For what people call them by.
CREATE INDEX backups_by_name ON backups (name, created, id) WHERE name <> '';
CREATE INDEX backups_by_source_name ON backups (source_name, created, id);

DROP INDEX jobs_by_state;
DROP INDEX jobs_by_source;
CREATE INDEX jobs_by_state ON jobs (state, created, id);
CREATE INDEX jobs_by_kind ON jobs (kind, created, id);
CREATE INDEX jobs_by_kind_and_state ON jobs (kind, state, created, id);
CREATE INDEX jobs_by_source ON jobs (source, created, id);
CREATE INDEX jobs_by_source_and_state ON jobs (source, state, created, id);

-- Panels know a server by the end of its id.
CREATE INDEX sources_by_end ON sources (substr(id, 29));
