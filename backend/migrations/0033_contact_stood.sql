-- Since when a former contact had stood: one that came after the moment to which changes are taken back did not stand then.
-- 0 is before anybody asked.
ALTER TABLE contact_change ADD COLUMN stood INTEGER NOT NULL DEFAULT 0;
