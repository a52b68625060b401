-- How large the archive of a backup is, as a download sends it, and the version of the program that packed it; and where its file lies.
-- `folder` is empty where no file was put anywhere.
CREATE TABLE archives (
    backup TEXT NOT NULL PRIMARY KEY,
    folder TEXT NOT NULL,
    name TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    version TEXT NOT NULL
);
