-- Requests that somebody has to agree to. A request and its job change together, in one transaction.
CREATE TABLE approvals (
    id TEXT PRIMARY KEY,
    source TEXT NOT NULL,
    job TEXT NOT NULL UNIQUE,
    plan TEXT NOT NULL,
    hash TEXT NOT NULL,
    backup TEXT NOT NULL,
    person TEXT,
    requester TEXT NOT NULL,
    asked TEXT NOT NULL,
    state TEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    decided BIGINT,
    decided_by TEXT,
    via TEXT,
    reason TEXT NOT NULL
);
-- A newer request takes the place of the older one.
CREATE UNIQUE INDEX approvals_pending ON approvals (source) WHERE state = 'pending';
CREATE INDEX approvals_by_expiry ON approvals (state, expires);
CREATE INDEX approvals_by_time ON approvals (created, id);

-- What lies in the letters of those who were asked. The secret is kept as its SHA-256.
CREATE TABLE approval_links (
    hash TEXT PRIMARY KEY,
    approval TEXT NOT NULL REFERENCES approvals (id) ON DELETE CASCADE,
    person TEXT NOT NULL,
    email TEXT NOT NULL
);
