-- What was answered to a request that bore a key, so that the same request asked again is answered the same and does nothing.
-- `status` is empty while the first one is still being carried out.
CREATE TABLE answers (
    asker TEXT NOT NULL,
    key TEXT NOT NULL,
    request TEXT NOT NULL,
    status BIGINT,
    body TEXT NOT NULL,
    created BIGINT NOT NULL,
    PRIMARY KEY (asker, key)
);
CREATE INDEX answers_by_time ON answers (created);

-- What ended lately, for those who watch.
CREATE INDEX jobs_by_end ON jobs (ended);
