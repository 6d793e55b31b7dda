-- Mail that is to go out. What a mail says is sealed until it is sent or of no use any more.
CREATE TABLE outbox (
    id           uuid PRIMARY KEY,
    kind         text NOT NULL,
    customer_id  text NOT NULL REFERENCES customers ON DELETE CASCADE,
    recipient    text NOT NULL,
    sealed       bytea,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    sent_at      timestamptz,
    dropped_at   timestamptz,
    CHECK ((sealed IS NOT NULL) = (sent_at IS NULL AND dropped_at IS NULL))
);
CREATE INDEX outbox_waiting ON outbox (expires_at) WHERE sealed IS NOT NULL;
CREATE INDEX outbox_customer ON outbox (customer_id);

-- The newest link that proves a customer's address; a later one takes its place.
CREATE TABLE email_verifications (
    customer_id  text PRIMARY KEY REFERENCES customers ON DELETE CASCADE,
    token_hash   bytea NOT NULL UNIQUE,
    email        text NOT NULL,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    used_at      timestamptz
);

-- What a browser may look at after a sign-up; no customer when the address was taken already.
CREATE TABLE visits (
    token_hash   bytea PRIMARY KEY,
    customer_id  text REFERENCES customers ON DELETE CASCADE,
    email        text NOT NULL,
    expires_at   timestamptz NOT NULL
);
CREATE INDEX visits_expiry ON visits (expires_at);
CREATE INDEX visits_customer ON visits (customer_id);

-- The owner's invitation of each tenant: asked for once, mailed, or not needed.
CREATE TABLE owner_invitations (
    customer_id  text PRIMARY KEY REFERENCES customers ON DELETE CASCADE,
    asked_at     timestamptz NOT NULL,
    outcome      text CHECK (outcome IN ('mailed', 'owner_exists')),
    mail_id      uuid REFERENCES outbox ON DELETE SET NULL,
    ended_at     timestamptz,
    CHECK ((outcome IS NULL) = (ended_at IS NULL))
);
