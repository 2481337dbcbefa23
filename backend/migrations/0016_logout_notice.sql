-- Log-outs that clients have not been told of yet: written before the session ends, deleted when the client knows, or
-- when it has been tried for a day. Times are milliseconds since 1970.
CREATE TABLE logout_notice (
    id      BLOB    NOT NULL PRIMARY KEY,   -- Random, 16 bytes.
    client  TEXT    NOT NULL,
    subject TEXT    NOT NULL,               -- As the client knows the person.
    session TEXT    NOT NULL,               -- As the client knows the session.
    noted   INTEGER NOT NULL,
    tried   INTEGER NOT NULL,               -- How often.
    due     INTEGER NOT NULL                -- When it is tried next. Who moves it on, tries.
) STRICT, WITHOUT ROWID;

CREATE INDEX logout_notice_by_due ON logout_notice (due);
