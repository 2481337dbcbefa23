-- For the list of one's log-ins. One page more to write with each log-in; on PostgreSQL they are written down in batches
-- beside the log-ins.
CREATE INDEX login_event_of_account ON login_event (account);
