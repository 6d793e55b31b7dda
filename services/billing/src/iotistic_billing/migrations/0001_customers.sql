-- Customers, what they subscribed to, how they sign in.
CREATE TABLE customers (
    id                 text PRIMARY KEY CHECK (id ~ '^cust_[0-9a-f]{32}$'),
    external_id        text NOT NULL UNIQUE CHECK (external_id ~ '^[a-z][a-z0-9-]{1,30}$'),
    company_name       text NOT NULL,
    email              text UNIQUE,
    full_name          text,
    password_hash      text,
    email_verified_at  timestamptz,
    suspended          boolean NOT NULL DEFAULT false,
    removed_at         timestamptz,
    created_at         timestamptz NOT NULL,
    updated_at         timestamptz NOT NULL
);
-- The first 8 hex digits name a tenant everywhere: two customers can't share them.
CREATE UNIQUE INDEX customers_short_id ON customers (substr(id, 6, 8));

CREATE TABLE subscriptions (
    customer_id             text PRIMARY KEY REFERENCES customers ON DELETE CASCADE,
    plan                    text NOT NULL,
    plan_source             text NOT NULL CHECK (plan_source IN ('trial', 'operator', 'stripe')),
    status                  text NOT NULL,
    trial_ends_at           timestamptz,
    current_period_ends_at  timestamptz,
    cancels_at_period_end   boolean NOT NULL DEFAULT false,
    CHECK (trial_ends_at IS NOT NULL OR current_period_ends_at IS NOT NULL)
);
CREATE INDEX subscriptions_period ON subscriptions (current_period_ends_at);

-- Outlives the customer: no foreign key.
CREATE TABLE license_history (
    jti            text PRIMARY KEY,
    customer_id    text NOT NULL,
    token          text NOT NULL,
    kid            text NOT NULL,
    claims         jsonb NOT NULL,
    issued_at      timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL,
    reason         text NOT NULL,
    revoked_at     timestamptz,
    revoke_reason  text,
    UNIQUE (customer_id, issued_at)
);
CREATE INDEX license_history_revoked ON license_history (expires_at) WHERE revoked_at IS NOT NULL;

-- One row: the number of the last list of revocations.
CREATE TABLE license_revocations (
    only_row  boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    seq       bigint NOT NULL
);
INSERT INTO license_revocations (seq) VALUES (1);

CREATE TABLE api_keys (
    id           text PRIMARY KEY,
    customer_id  text NOT NULL REFERENCES customers ON DELETE CASCADE,
    generation   integer NOT NULL,
    secret_hash  bytea NOT NULL,
    created_at   timestamptz NOT NULL,
    revoked_at   timestamptz,
    UNIQUE (customer_id, generation)
);

CREATE TABLE sessions (
    token_hash   bytea PRIMARY KEY,
    customer_id  text NOT NULL REFERENCES customers ON DELETE CASCADE,
    expires_at   timestamptz NOT NULL
);
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE attempts (
    action  text NOT NULL,
    source  text NOT NULL,
    at      timestamptz NOT NULL
);
CREATE INDEX attempts_recent ON attempts (action, source, at);

CREATE TABLE idempotency_keys (
    route      text NOT NULL,
    key        text NOT NULL,
    body_hash  bytea NOT NULL,
    answer     jsonb NOT NULL,
    at         timestamptz NOT NULL,
    PRIMARY KEY (route, key)
);

CREATE TABLE audit_log (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at           timestamptz NOT NULL,
    actor        text NOT NULL,
    action       text NOT NULL,
    customer_id  text,
    facts        jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_log_customer ON audit_log (customer_id, id);
