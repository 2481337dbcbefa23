-- What was done, by whom, on whose account, and how it ended. Only ever appended to. Each entry's tag covers the one
-- before it in its chain, so that none can be altered, put in or left out unseen.

CREATE TABLE audit (
    chain   INTEGER NOT NULL,
    n       INTEGER NOT NULL,   -- From 1, without a gap.
    at      INTEGER NOT NULL,
    actor   TEXT    NOT NULL,   -- "account:…", "client:…", "operator:…" or "system:…".
    action  TEXT    NOT NULL,
    subject BLOB,               -- Whose account it is about; NULL for what is about none.
    outcome TEXT    NOT NULL,
    detail  TEXT    NOT NULL,   -- A JSON object of texts.
    tag     BLOB    NOT NULL,   -- HMAC-SHA-256.
    PRIMARY KEY (chain, n)
) STRICT, WITHOUT ROWID;

CREATE INDEX audit_of_account ON audit (subject, at);

-- Where each chain ends: whoever appends moves it on first, so that two cannot append at once.
CREATE TABLE audit_head (
    chain INTEGER NOT NULL PRIMARY KEY,
    n     INTEGER NOT NULL,
    tag   BLOB    NOT NULL
) STRICT, WITHOUT ROWID;
