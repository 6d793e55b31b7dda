-- A device is told at once, and again when every worker has surely heard of the change.

ALTER TABLE poll_requests ADD COLUMN told_at timestamptz;
