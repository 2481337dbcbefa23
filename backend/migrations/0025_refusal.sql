-- Refused sign-ins of a window that has not ended: counted here, and written into the audit as one entry when it has.
CREATE TABLE refusal (
    digest    BLOB    NOT NULL PRIMARY KEY,   -- Of the address, whether or not there is such an account.
    began     INTEGER NOT NULL,               -- Milliseconds since 1970.
    ends      INTEGER NOT NULL,
    throttled INTEGER NOT NULL,               -- Attempts of which there were too many.
    steps     INTEGER NOT NULL                -- Wrong second steps after a right password.
) STRICT, WITHOUT ROWID;

CREATE INDEX refusal_by_end ON refusal (ends);
