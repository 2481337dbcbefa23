-- When every session of an account was last ended, and which stayed. A request that came in one of them may still be on its
-- way: it changes nothing any more.
ALTER TABLE account ADD COLUMN out_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN out_keep BLOB;
