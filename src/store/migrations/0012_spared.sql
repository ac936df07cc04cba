-- Messages whose \Deleted at the service is of a version that is gone: it is not shown, and nothing is expunged by it.
CREATE TABLE spared (
    remote TEXT    PRIMARY KEY,
    at     INTEGER NOT NULL                      -- seconds since 1970
) STRICT, WITHOUT ROWID;
