-- The keys under which what is personal stands sealed. The keys themselves are not in the database. Key 0 is derived
-- from the master key and has no row.

CREATE TABLE data_key (
    id          INTEGER NOT NULL PRIMARY KEY,
    check_value BLOB    NOT NULL,   -- By which a wrong key of the same number is told.
    active_from INTEGER NOT NULL,   -- From then on the highest active one seals.
    resealed_at INTEGER             -- When everything older had been sealed anew under this one; NULL until then.
) STRICT, WITHOUT ROWID;

-- How far the sealing anew has come, table by table.
CREATE TABLE reseal (
    place TEXT    NOT NULL PRIMARY KEY,
    key   INTEGER NOT NULL,
    after BLOB    NOT NULL,
    done  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
