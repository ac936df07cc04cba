-- Headers that a listing told of messages whose bytes were never here. NULL: the service keeps none.
CREATE TABLE listed (
    remote   TEXT PRIMARY KEY,
    header   BLOB,
    envelope BLOB
) STRICT;
