-- What is to become of the copy in Sent Items: 0 it stays, 1 it is to be removed unless a client claims it, 2 it is being
-- removed and can no longer be claimed.
ALTER TABLE submissions ADD COLUMN unwanted INTEGER NOT NULL DEFAULT 0;
