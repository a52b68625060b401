-- Portable between SQLite and PostgreSQL: BIGINT, TEXT and DOUBLE PRECISION only.
-- Ids are UUIDv7 as text, times milliseconds since 1970 UTC, flags 0 or 1, documents JSON as text.

CREATE TABLE sources (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    settings TEXT NOT NULL,
    policy TEXT NOT NULL,
    node TEXT NOT NULL,
    created BIGINT NOT NULL,
    hidden BIGINT NOT NULL CHECK (hidden IN (0, 1))
);

CREATE TABLE backups (
    id TEXT PRIMARY KEY,
    source TEXT NOT NULL,
    source_name TEXT NOT NULL,
    kind TEXT NOT NULL,
    repository TEXT NOT NULL,
    snapshot TEXT NOT NULL,
    tree TEXT NOT NULL,
    name TEXT NOT NULL,
    reason TEXT NOT NULL,
    created BIGINT NOT NULL,
    seconds DOUBLE PRECISION NOT NULL,
    parts TEXT NOT NULL,
    files BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    added_bytes BIGINT NOT NULL,
    locked BIGINT NOT NULL CHECK (locked IN (0, 1)),
    verified BIGINT,
    person TEXT,
    job TEXT,
    state TEXT NOT NULL,
    warnings TEXT NOT NULL
);
CREATE UNIQUE INDEX backups_snapshot ON backups (repository, snapshot);
CREATE INDEX backups_by_source ON backups (source, created);
CREATE INDEX backups_by_time ON backups (created, id);

CREATE TABLE plans (
    id TEXT PRIMARY KEY,
    hash TEXT NOT NULL,
    target TEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    document TEXT NOT NULL
);

CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    source TEXT,
    destructive BIGINT NOT NULL CHECK (destructive IN (0, 1)),
    node TEXT NOT NULL,
    request TEXT NOT NULL,
    result TEXT,
    phase TEXT NOT NULL,
    item TEXT NOT NULL,
    items_done BIGINT NOT NULL,
    items_total BIGINT NOT NULL,
    bytes_done BIGINT NOT NULL,
    bytes_total BIGINT NOT NULL,
    lease_owner TEXT,
    lease_until BIGINT,
    fence BIGINT NOT NULL,
    cancel_requested BIGINT NOT NULL CHECK (cancel_requested IN (0, 1)),
    error_kind TEXT,
    error_message TEXT,
    error_hint TEXT,
    person TEXT,
    created BIGINT NOT NULL,
    started BIGINT,
    ended BIGINT
);
CREATE INDEX jobs_by_state ON jobs (state, created);
CREATE INDEX jobs_by_time ON jobs (created, id);
CREATE INDEX jobs_by_source ON jobs (source, state);

CREATE TABLE job_events (
    job TEXT NOT NULL,
    seq BIGINT NOT NULL,
    at BIGINT NOT NULL,
    level TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (job, seq)
);

CREATE TABLE journal (
    job TEXT NOT NULL,
    step TEXT NOT NULL,
    seq BIGINT NOT NULL,
    done BIGINT NOT NULL CHECK (done IN (0, 1)),
    data TEXT NOT NULL,
    PRIMARY KEY (job, step)
);

CREATE TABLE leases (
    name TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    until BIGINT NOT NULL
);

CREATE TABLE audit (
    seq BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    who TEXT NOT NULL,
    what TEXT NOT NULL,
    target TEXT NOT NULL,
    detail TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL
);

CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
