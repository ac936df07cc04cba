-- How many people a submission goes to: what a mailbox may send in a day is counted by them.
ALTER TABLE submissions ADD COLUMN recipients INTEGER NOT NULL DEFAULT 1;
