-- When the stage was reached (seconds since 1970), and the BLAKE3 of what stays the same in a message whose bytes
-- the service has written anew.
ALTER TABLE submissions ADD COLUMN since INTEGER;
ALTER TABLE submissions ADD COLUMN likeness BLOB;
