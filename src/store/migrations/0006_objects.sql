-- The name of the message's conversation (RFC 8474), once the service has told it.
ALTER TABLE messages ADD COLUMN thread TEXT;

-- Messages that share the name of their content, since one was copied from the other here. All others are named by
-- their own key (ObjectId::email).
CREATE TABLE identities (
    remote  TEXT NOT NULL,
    content TEXT NOT NULL,                       -- with remote, the key of the body
    email   TEXT NOT NULL,
    PRIMARY KEY (remote, content)
) STRICT, WITHOUT ROWID;
CREATE INDEX identities_email ON identities (email);

-- The first words; NULL for bytes that were frozen before there were previews.
ALTER TABLE bodies ADD COLUMN preview TEXT;

-- A cursor asks for what it was first made for, and conversations were not: each folder is listed once more.
UPDATE folders SET cursor = NULL;
