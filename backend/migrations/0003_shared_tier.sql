-- What ties this database to a warm tier outside it.

-- Up to which of its log-ins a lane of that tier has been settled here. Written with what is settled, so a log-in that
-- is read twice counts once.
CREATE TABLE settled (
    lane    INTEGER NOT NULL PRIMARY KEY,
    through INTEGER NOT NULL
) STRICT;

-- Revocations that the tier has not been told of: written with the fact that demands them, deleted when it knows.
CREATE TABLE revocation (
    n          INTEGER PRIMARY KEY,
    account    BLOB    NOT NULL,
    credential BLOB,            -- The passkey that was removed; NULL for all sessions of the account.
    keep       BLOB             -- A session that stays.
) STRICT;
