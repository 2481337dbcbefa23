-- Contacts that were changed lately: what stood there before, so that it can stand there again.

CREATE TABLE contact_change (
    id      BLOB    NOT NULL PRIMARY KEY,   -- 16 random bytes; the link names it.
    account BLOB    NOT NULL,
    kind    INTEGER NOT NULL,   -- 1 a mobile telephone, 2 a landline, 4 the e-mail address.
    sealed  BLOB    NOT NULL,   -- The old contact.
    held    BLOB,               -- Digest of an old e-mail address, which nobody else may take meanwhile.
    ends    INTEGER NOT NULL,
    undone  INTEGER NOT NULL    -- 0 or 1.
) STRICT, WITHOUT ROWID;

CREATE INDEX contact_change_of_account ON contact_change (account);
CREATE INDEX contact_change_by_held ON contact_change (held);
CREATE INDEX contact_change_by_end ON contact_change (ends);
