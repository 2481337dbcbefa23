-- What is asked for after a password: telephones and an authenticator app, the browsers in which it need not be asked
-- for, and the codes for whoever has lost all that.

CREATE TABLE second_step (
    id      BLOB    NOT NULL PRIMARY KEY,   -- Account and kind, 17 bytes.
    account BLOB    NOT NULL,   -- The account's id, 16 bytes.
    kind    INTEGER NOT NULL,   -- 1 a mobile telephone, 2 a landline, 3 an authenticator app.
    sealed  BLOB    NOT NULL,   -- The number, or the app's key.
    added   INTEGER NOT NULL,
    used    INTEGER NOT NULL,   -- The newest time step whose code an app gave; no older one counts again.
    UNIQUE (account, kind)
) STRICT, WITHOUT ROWID;

CREATE TABLE recovery_code (
    account BLOB NOT NULL,
    digest  BLOB NOT NULL,      -- Keyed digest of the code.
    PRIMARY KEY (account, digest)
) STRICT, WITHOUT ROWID;

CREATE TABLE remembered_browser (
    id      BLOB    NOT NULL PRIMARY KEY,   -- SHA-256 of what its cookie holds.
    account BLOB    NOT NULL,
    device  INTEGER NOT NULL,
    created INTEGER NOT NULL,
    used    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX remembered_browser_of_account ON remembered_browser (account);
CREATE INDEX remembered_browser_by_use ON remembered_browser (used);
