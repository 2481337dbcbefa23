-- Since when what opens an account is what it is, so that a change that is taken back takes along what came after it.
-- 0 is before anybody asked.
ALTER TABLE account ADD COLUMN password_set INTEGER NOT NULL DEFAULT 0;
ALTER TABLE recovery_code ADD COLUMN made INTEGER NOT NULL DEFAULT 0;
