-- A log-in with a passkey in a browser that was new to its account, until the account's owner has been told of it: the
-- number of the language in which they are (1 English, 2 Welsh). No column for all others.
ALTER TABLE login_event ADD COLUMN untold INTEGER;

CREATE INDEX login_event_untold ON login_event (n) WHERE untold IS NOT NULL;
