-- What clients keep with us about people, sealed. What lies in client_metadata is moved here in the background.
CREATE TABLE client_text (
    id      BLOB NOT NULL PRIMARY KEY,   -- The account's 16 bytes and the client's name.
    account BLOB NOT NULL,
    sealed  BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX client_text_of_account ON client_text (account);
