-- From which sessions clients serve people: a row for each client that wants to be told when the session ends, until it
-- is. Times are milliseconds since 1970.
CREATE TABLE client_session (
    session BLOB    NOT NULL,
    client  TEXT    NOT NULL,
    account BLOB    NOT NULL,
    began   INTEGER NOT NULL,
    ends    INTEGER NOT NULL,   -- When the session ends by itself at the latest.
    PRIMARY KEY (session, client)
) STRICT, WITHOUT ROWID;

CREATE INDEX client_session_of_account ON client_session (account);
CREATE INDEX client_session_by_end ON client_session (ends);

-- What grants knew of it: a record is the CBOR of an array whose first element is the session's 16 bytes. What waits in
-- the former queue was told to a client by names that the client has, and cannot be put under the new one: its sessions
-- are told of again, with the next end that their owner brings about.
INSERT INTO client_session (session, client, account, began, ends)
SELECT substr(record, 3, 16), client, account, created, created + 86400000 FROM client_grant
WHERE length(record) > 18 AND (told = 0 OR client IN (SELECT client FROM logout_notice))
ON CONFLICT (session, client) DO NOTHING;

DROP TABLE logout_notice;
ALTER TABLE client_grant DROP COLUMN told;
