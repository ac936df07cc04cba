-- Messages that clients file (APPEND), from before the service is asked until the client has its answer.
-- The bytes wait in bodies under the remote id 'filing:' || id.
CREATE TABLE filings (
    number   INTEGER PRIMARY KEY AUTOINCREMENT,
    id       TEXT    NOT NULL UNIQUE,            -- also the mark that the item carries
    folder   INTEGER NOT NULL,
    hash     BLOB    NOT NULL,                   -- of the client's bytes
    begun    INTEGER NOT NULL,                   -- seconds since 1970
    flags    INTEGER NOT NULL,
    keywords TEXT    NOT NULL,
    received INTEGER,                            -- seconds since 1970
    remote   TEXT,                               -- once the service has confirmed it
    missed   INTEGER NOT NULL DEFAULT 0          -- the client was certainly not told so
) STRICT;
CREATE INDEX filings_hash ON filings (folder, hash);
