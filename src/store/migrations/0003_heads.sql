-- The fields that SEARCH asks for most, ready to be compared. NULL: not kept, read the message.
ALTER TABLE bodies ADD COLUMN heads BLOB;
