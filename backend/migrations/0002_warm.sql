-- The embedded warm tier: sessions, single-use values, and the log-ins that happened. Sessions name their account by
-- its id outside, as the warm tier on Redis does.

-- SQLite only.
CREATE TABLE session (
    id      BLOB    NOT NULL PRIMARY KEY,
    account BLOB    NOT NULL,
    record  BLOB    NOT NULL,   -- SessionRecord::encode.
    seen    INTEGER NOT NULL,   -- Newer than the record's own.
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- SQLite only.
CREATE INDEX session_of_account ON session (account);
-- SQLite only.
CREATE INDEX session_by_end ON session (expires);

-- SQLite only.
CREATE TABLE consumed (
    value BLOB    NOT NULL PRIMARY KEY,
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- SQLite only.
CREATE INDEX consumed_by_end ON consumed (until);

-- Append-only.
CREATE TABLE login_event (
    n          INTEGER PRIMARY KEY,
    account    BLOB    NOT NULL,
    credential BLOB,            -- NULL for a log-in without a passkey.
    session    BLOB    NOT NULL,
    at         INTEGER NOT NULL
) STRICT;
