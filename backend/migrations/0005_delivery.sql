-- What has to be delivered later: written with the fact that demands it, tried until it is done or has lived its time.

CREATE TABLE delivery (
    id       BLOB    NOT NULL PRIMARY KEY,   -- 16 random bytes.
    kind     TEXT    NOT NULL,               -- Who delivers it.
    payload  BLOB    NOT NULL,               -- Sealed.
    next_at  INTEGER NOT NULL,               -- When it is tried next; while it is being tried, when the lease ends.
    attempts INTEGER NOT NULL,
    expires  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX delivery_by_time ON delivery (next_at);
