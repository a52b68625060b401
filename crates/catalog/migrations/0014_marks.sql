-- What a backup lacks, why it is suspicious, and when somebody accepted it as it is; and how much it holds, part by part, and what was left
-- out of it alone, to which the next ones are compared.
ALTER TABLE backups ADD COLUMN lacks BIGINT NOT NULL DEFAULT 0;
ALTER TABLE backups ADD COLUMN suspicion TEXT NOT NULL DEFAULT '';
ALTER TABLE backups ADD COLUMN accepted BIGINT;
-- Pieces of it were found damaged, and it was not read back whole since.
ALTER TABLE backups ADD COLUMN hurt BIGINT NOT NULL DEFAULT 0;
ALTER TABLE backups ADD COLUMN amounts TEXT NOT NULL DEFAULT '{}';
ALTER TABLE backups ADD COLUMN ignored TEXT NOT NULL DEFAULT '[]';

-- Lists of what needs a person are led by the word that is shown.
DROP INDEX backups_not_ok;
CREATE INDEX backups_not_ok ON backups (
    (CASE WHEN state <> 'ok' THEN state WHEN lacks > 0 THEN 'incomplete' WHEN suspicion <> '' AND accepted IS NULL THEN 'suspicious' ELSE 'ok' END),
    created, id
) WHERE (state <> 'ok' OR lacks > 0 OR suspicion <> '');
