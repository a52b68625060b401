-- Where a person has come in from: whoever comes from there has a budget of attempts that strangers cannot use up.
CREATE TABLE known_places (
    person TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    place TEXT NOT NULL,
    seen BIGINT NOT NULL,
    PRIMARY KEY (person, place)
);
CREATE INDEX known_places_by_time ON known_places (seen);

-- What somebody had to be allowed so that this could be answered: it is judged again before the answer is repeated.
ALTER TABLE answers ADD COLUMN rights TEXT NOT NULL DEFAULT '';
