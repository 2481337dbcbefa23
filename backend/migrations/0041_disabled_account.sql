-- Accounts that an administrator has disabled: nothing opens them, and nothing is given in their name. In a table of their own,
-- so that all others pay nothing. Times are milliseconds since 1970.
CREATE TABLE disabled_account (
    account BLOB    NOT NULL PRIMARY KEY,
    at      INTEGER NOT NULL,
    reason  TEXT    NOT NULL,   -- One of a few words.
    actor   TEXT    NOT NULL    -- Who has disabled it, as the audit names them.
) STRICT, WITHOUT ROWID;
