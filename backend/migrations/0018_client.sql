-- Clients that an administrator or they themselves have registered; and of clients of the configuration, which of them
-- are out of use. Times are milliseconds since 1970; flags are 0 or 1.
CREATE TABLE client (
    id         TEXT    NOT NULL PRIMARY KEY,
    record     BLOB,               -- Metadata as JSON (RFC 7591, section 2); NULL for a client of the configuration.
    disabled   INTEGER NOT NULL,
    generation INTEGER NOT NULL,   -- Of its registration access token: one of an earlier generation is good no more.
    revision   INTEGER NOT NULL,   -- Rises with each change.
    created    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
