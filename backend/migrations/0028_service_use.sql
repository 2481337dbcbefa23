-- What a service has been allowed in all, and when it was first allowed anything and last used. The last use that is
-- noted here is that of grants that are deleted; a grant that still stands knows its own. Milliseconds since 1970; 0 for
-- what was allowed before this was noted: then the columns beside it are all that is known.
ALTER TABLE consent ADD COLUMN first_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE consent ADD COLUMN scopes_ever INTEGER NOT NULL DEFAULT 0;
ALTER TABLE consent ADD COLUMN level_ever INTEGER NOT NULL DEFAULT 0;
ALTER TABLE consent ADD COLUMN used INTEGER NOT NULL DEFAULT 0;
