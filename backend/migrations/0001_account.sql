-- Accounts and what opens them (layout "rowid" of the experiments, section 4.1: an integer owner inside, the 16-byte
-- id outside). Times are milliseconds since 1970; flags are 0 or 1.

CREATE TABLE account (
    n        INTEGER PRIMARY KEY,       -- The owner inside this database; never leaves it.
    id       BLOB    NOT NULL UNIQUE,   -- The account's id outside, 16 bytes.
    email    BLOB    NOT NULL,          -- Sealed: nonce, AES-256-GCM of the address, tag; bound to id.
    created  INTEGER NOT NULL,
    identity INTEGER NOT NULL,          -- 0, 5 or 9.
    password TEXT                       -- PHC string, if a password is set.
) STRICT;

-- An e-mail address is found by its keyed digest; the address itself stands sealed on the account.
CREATE TABLE identifier (
    digest  BLOB    NOT NULL PRIMARY KEY,
    account INTEGER NOT NULL REFERENCES account (n)
) STRICT, WITHOUT ROWID;

CREATE TABLE credential (
    digest          BLOB    NOT NULL PRIMARY KEY,   -- SHA-256 of the credential ID.
    account         INTEGER NOT NULL REFERENCES account (n),
    credential_id   BLOB    NOT NULL,
    public_key      BLOB    NOT NULL,
    sign_count      INTEGER NOT NULL,
    backup_eligible INTEGER NOT NULL,
    backup_state    INTEGER NOT NULL,
    revision        INTEGER NOT NULL,
    name            TEXT    NOT NULL,
    aaguid          BLOB,                           -- NULL where the authenticator gave zeros.
    transports      TEXT    NOT NULL,               -- Comma-separated.
    created         INTEGER NOT NULL,
    last_used       INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX credential_of_account ON credential (account);

-- Guesses that were reserved in a window that has not ended.
CREATE TABLE attempt (
    key    BLOB    NOT NULL PRIMARY KEY,
    used   INTEGER NOT NULL,
    resets INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX attempt_by_end ON attempt (resets);
