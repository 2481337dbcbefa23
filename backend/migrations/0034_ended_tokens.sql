-- Access tokens that end before their time and that the shared tier has not been told of, by what they have in common: written
-- with the fact that ends them, deleted when the tier knows.
CREATE TABLE ended_tokens (
    n      INTEGER PRIMARY KEY,
    digest BLOB    NOT NULL,   -- 32 bytes: of their grant, or of their client and a minute.
    until  INTEGER NOT NULL    -- When the last of them would have ended.
) STRICT;
