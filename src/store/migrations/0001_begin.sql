-- Single values: epoch (ticks handed out so far), validity (the last UIDVALIDITY given), tree_cursor.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE folders (
    id        INTEGER PRIMARY KEY AUTOINCREMENT, -- never reused: sessions hold it
    remote    TEXT    NOT NULL UNIQUE,
    parent    TEXT,                              -- a remote id, which may be unknown
    name      TEXT    NOT NULL,
    role      TEXT,
    total     INTEGER,                           -- what the service counts
    path      TEXT    NOT NULL DEFAULT '',
    validity  INTEGER NOT NULL UNIQUE,
    next      INTEGER NOT NULL DEFAULT 1,        -- 2^32 once the UIDs are used up
    highest   INTEGER NOT NULL DEFAULT 0,
    cursor    TEXT,
    listed    INTEGER,                           -- epoch of the latest whole listing
    forgotten INTEGER NOT NULL DEFAULT 0,        -- the log of expunges is whole only after this modseq
    confirmed INTEGER NOT NULL                   -- epoch of what the facts were last confirmed by
) STRICT;
CREATE INDEX folders_path ON folders (path);

CREATE TABLE subscriptions (
    path       TEXT PRIMARY KEY,
    subscribed INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE messages (
    folder    INTEGER NOT NULL,
    uid       INTEGER NOT NULL,
    remote    TEXT    NOT NULL,
    version   TEXT,
    modseq    INTEGER NOT NULL,
    flags     INTEGER NOT NULL,
    keywords  TEXT    NOT NULL,                  -- atoms, separated by a space
    received  INTEGER NOT NULL,                  -- seconds since 1970
    estimate  INTEGER,
    content   TEXT    NOT NULL,                  -- with remote, the key of the body
    confirmed INTEGER NOT NULL,                  -- epoch
    PRIMARY KEY (folder, uid)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX messages_remote ON messages (folder, remote);
CREATE INDEX messages_modseq ON messages (folder, modseq);
CREATE INDEX messages_content ON messages (remote, content);
CREATE INDEX messages_unseen ON messages (folder, uid) WHERE flags & 1 = 0;
CREATE INDEX messages_deleted ON messages (folder, uid) WHERE flags & 8 <> 0;

-- UIDs that are no more, for CHANGES and VANISHED.
CREATE TABLE tombstones (
    folder INTEGER NOT NULL,
    uid    INTEGER NOT NULL,
    modseq INTEGER NOT NULL,
    at     INTEGER NOT NULL,                     -- seconds since 1970
    PRIMARY KEY (folder, uid)
) STRICT, WITHOUT ROWID;
CREATE INDEX tombstones_modseq ON tombstones (folder, modseq);
CREATE INDEX tombstones_at ON tombstones (at);

-- What is known not to be in a folder, so that an older answer cannot bring it back.
-- Folder 0 stands for the tree itself.
CREATE TABLE departures (
    folder    INTEGER NOT NULL,
    remote    TEXT    NOT NULL,
    confirmed INTEGER NOT NULL,                  -- epoch
    at        INTEGER NOT NULL,
    PRIMARY KEY (folder, remote)
) STRICT, WITHOUT ROWID;
CREATE INDEX departures_at ON departures (at);

-- Answers that were too old to trust: to be looked up.
CREATE TABLE doubts (
    folder INTEGER NOT NULL,
    remote TEXT    NOT NULL,
    since  INTEGER NOT NULL,                     -- epoch: a question asked later settles it
    PRIMARY KEY (folder, remote)
) STRICT, WITHOUT ROWID;

CREATE TABLE bodies (
    remote    TEXT    NOT NULL,
    content   TEXT    NOT NULL,
    size      INTEGER NOT NULL,                  -- octets
    hash      BLOB    NOT NULL,
    orphaned  INTEGER,                           -- seconds since 1970, while no message has it
    outline   BLOB    NOT NULL,
    envelope  BLOB    NOT NULL,
    structure BLOB    NOT NULL,
    body      BLOB    NOT NULL,
    PRIMARY KEY (remote, content)
) STRICT;
CREATE INDEX bodies_hash ON bodies (hash);

-- The files that are there.
CREATE TABLE blobs (
    hash   BLOB PRIMARY KEY,
    size   INTEGER NOT NULL,
    used   INTEGER NOT NULL,                     -- seconds since 1970, coarse
    pinned INTEGER NOT NULL                      -- the service may not be able to give these bytes back
) STRICT, WITHOUT ROWID;
CREATE INDEX blobs_used ON blobs (used);

-- Tries to send a message, in the order they were begun.
CREATE TABLE submissions (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT    NOT NULL UNIQUE,
    key        BLOB    NOT NULL,                 -- equal for the same bytes to the same people
    message_id TEXT    NOT NULL,
    received   BLOB    NOT NULL,                 -- digest of the client's bytes
    staged     BLOB    NOT NULL,                 -- digest of the bytes that go out
    begun      INTEGER NOT NULL,                 -- seconds since 1970
    stage      TEXT    NOT NULL,
    remote     TEXT                              -- of the draft, then of the sent copy
) STRICT;
CREATE INDEX submissions_key ON submissions (key, number);
CREATE INDEX submissions_message_id ON submissions (message_id, number);
CREATE INDEX submissions_begun ON submissions (begun);
