-- What SORT and THREAD compare. NULL: not kept, read the message.
ALTER TABLE bodies ADD COLUMN sort_keys BLOB;
