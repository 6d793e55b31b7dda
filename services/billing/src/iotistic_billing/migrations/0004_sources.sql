-- Where a sign-up came from, as limits count it; nothing for customers whom an operator made.
ALTER TABLE customers ADD COLUMN signed_up_from text;
CREATE INDEX customers_unproved ON customers (signed_up_from) WHERE email_verified_at IS NULL;
