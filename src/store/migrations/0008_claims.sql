-- The BLAKE3 of the first message that a client has filed as its copy of what it sent.
ALTER TABLE submissions ADD COLUMN claim BLOB;
