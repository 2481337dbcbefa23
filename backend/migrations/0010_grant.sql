-- What people have allowed clients of the OpenID provider. Times are milliseconds since 1970; flags are 0 or 1.

-- A grant: one family of tokens. Its id is named by the code that makes it, so that a code is redeemed once; of its
-- refresh tokens the one of the last generation is good. No token is stored.
CREATE TABLE client_grant (
    id         BLOB    NOT NULL PRIMARY KEY,   -- 16 bytes.
    account    BLOB    NOT NULL,
    client     TEXT    NOT NULL,
    record     BLOB    NOT NULL,               -- What exactly was allowed: CBOR.
    generation INTEGER NOT NULL,
    created    INTEGER NOT NULL,
    expires    INTEGER NOT NULL,
    revoked    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX client_grant_of_account ON client_grant (account, client);
CREATE INDEX client_grant_by_end ON client_grant (expires);

-- What a person has allowed a client, so that it need not be asked for again.
CREATE TABLE consent (
    account BLOB    NOT NULL,
    client  TEXT    NOT NULL,
    scopes  INTEGER NOT NULL,   -- A bit a scope.
    level   INTEGER NOT NULL,   -- 0, 5 or 9: the highest at which it was allowed.
    at      INTEGER NOT NULL,
    PRIMARY KEY (account, client)
) STRICT, WITHOUT ROWID;

-- What a client keeps with us about a person, in its own words.
CREATE TABLE client_metadata (
    account BLOB NOT NULL,
    client  TEXT NOT NULL,
    text    TEXT NOT NULL,
    PRIMARY KEY (account, client)
) STRICT, WITHOUT ROWID;
