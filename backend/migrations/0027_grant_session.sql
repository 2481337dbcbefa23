-- The session in which a grant was made: it ends with it when all sessions of an account are ended. NULL for those of before.
ALTER TABLE client_grant ADD COLUMN session BLOB;
