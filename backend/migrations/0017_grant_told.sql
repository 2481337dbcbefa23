-- Whether the client of a grant was told that the session has ended in which it was made: 0 or 1.
ALTER TABLE client_grant ADD COLUMN told INTEGER NOT NULL DEFAULT 0;
