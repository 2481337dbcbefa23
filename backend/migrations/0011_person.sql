-- Facts about the people whom accounts belong to, as far as they were verified.
CREATE TABLE person (
    account BLOB NOT NULL PRIMARY KEY,
    record  BLOB NOT NULL              -- Sealed: nonce, AES-256-GCM of JSON, tag, bound to the account.
) STRICT, WITHOUT ROWID;
