-- The first UID that no session was told of as recent (RFC 3501 section 2.3.2). What is here already is not news.
ALTER TABLE folders ADD COLUMN recent INTEGER NOT NULL DEFAULT 1;
UPDATE folders SET recent = next;
