-- Who may come in. `folded` is the name in small letters: names are unique without regard to case.
CREATE TABLE people (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    folded TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL,
    password TEXT,
    totp TEXT,
    totp_pending TEXT,
    totp_step BIGINT,
    email TEXT NOT NULL,
    disabled BIGINT NOT NULL CHECK (disabled IN (0, 1)),
    entitlement TEXT NOT NULL,
    created BIGINT NOT NULL,
    last_seen BIGINT
);

-- Secrets are kept as hashes.
CREATE TABLE tokens (
    id TEXT PRIMARY KEY,
    person TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    hash TEXT NOT NULL UNIQUE,
    scopes TEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT,
    last_used BIGINT,
    revoked BIGINT
);
CREATE INDEX tokens_by_person ON tokens (person, created);

CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    person TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    hash TEXT NOT NULL UNIQUE,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    seen BIGINT NOT NULL,
    agent TEXT NOT NULL,
    address TEXT NOT NULL
);
CREATE INDEX sessions_by_person ON sessions (person, created);
CREATE INDEX sessions_by_seen ON sessions (seen);

-- A source that is removed may come back with its backups, and so may what people are to it: no reference to `sources`.
CREATE TABLE grants (
    person TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    source TEXT NOT NULL,
    relation TEXT NOT NULL,
    created BIGINT NOT NULL,
    PRIMARY KEY (person, source)
);
CREATE INDEX grants_by_source ON grants (source);

-- Attempts to get in: by name, and by address.
CREATE TABLE attempts (
    key TEXT PRIMARY KEY,
    failures BIGINT NOT NULL,
    until BIGINT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX attempts_by_time ON attempts (at);
