-- The hooks after a backup, from the moment at which those before it begin until they have been run. `owner` is the process that will run
-- them; when it is gone it is empty, until another one takes them over.
CREATE TABLE owed_hooks (
    job TEXT NOT NULL PRIMARY KEY,
    source TEXT NOT NULL,
    source_name TEXT NOT NULL,
    node TEXT NOT NULL,
    hooks TEXT NOT NULL,
    owner TEXT NOT NULL
);
