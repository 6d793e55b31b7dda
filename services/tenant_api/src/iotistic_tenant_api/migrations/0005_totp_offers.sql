-- An offered second factor lapses when nobody confirms it.

ALTER TABLE users ADD COLUMN totp_offered_at timestamptz;
