-- Accounts whose passkeys are worth another thing than the shared tier has been told: written with the fact that changes it,
-- deleted when the tier knows.
CREATE TABLE changed_passkeys (
    n        INTEGER PRIMARY KEY,
    account  BLOB    NOT NULL,
    ends_all INTEGER NOT NULL   -- 1: when it knows, every session ends; one may have been opened by what they were worth before.
) STRICT;
