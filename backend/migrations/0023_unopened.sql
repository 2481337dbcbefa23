-- Sealed values that do not open, as far as sealing anew has met any: they were altered, and hold their key back.
CREATE TABLE unopened (
    place TEXT    NOT NULL,
    id    BLOB    NOT NULL,   -- The key of its row.
    key   INTEGER NOT NULL,   -- Which data key it says that it is under.
    found INTEGER NOT NULL,   -- Milliseconds since 1970.
    PRIMARY KEY (place, id)
) STRICT, WITHOUT ROWID;
