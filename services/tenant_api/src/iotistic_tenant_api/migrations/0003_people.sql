-- People: users with their sessions, invitations, and how often somebody tried to come in.

-- An e-mail is in lower case, as the edge has made it. A removed user keeps its row, without secrets, so that the audit log still knows its name.
CREATE TABLE users (
    id                 uuid PRIMARY KEY,
    email              text NOT NULL,
    name               text NOT NULL,
    role               text NOT NULL
                       CHECK (role IN ('viewer', 'operator', 'manager', 'admin', 'owner')),
    password_hash      text NOT NULL,
    totp_secret        bytea,
    totp_confirmed_at  timestamptz,
    totp_last_step     bigint NOT NULL DEFAULT 0,
    recovery_hashes    bytea[] NOT NULL DEFAULT '{}',
    created_at         timestamptz NOT NULL,
    last_login_at      timestamptz,
    disabled_at        timestamptz,
    removed_at         timestamptz
);
CREATE UNIQUE INDEX users_by_email ON users (email) WHERE removed_at IS NULL;

CREATE TABLE invitations (
    id          uuid PRIMARY KEY,
    email       text NOT NULL,
    role        text NOT NULL
                CHECK (role IN ('viewer', 'operator', 'manager', 'admin', 'owner')),
    token_hash  bytea NOT NULL UNIQUE,
    created_by  text NOT NULL,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    used_at     timestamptz,
    revoked_at  timestamptz
);

CREATE TABLE sessions (
    id            uuid PRIMARY KEY,
    user_id       uuid NOT NULL REFERENCES users,
    access_hash   bytea NOT NULL,
    access_until  timestamptz NOT NULL,
    created_at    timestamptz NOT NULL,
    last_used_at  timestamptz NOT NULL,
    address       text NOT NULL,
    user_agent    text NOT NULL,
    ended_at      timestamptz
);
CREATE INDEX sessions_alive ON sessions (user_id) WHERE ended_at IS NULL;

-- Every refresh token of a session; one that is shown again after its use tells of a theft.
CREATE TABLE refresh_tokens (
    hash        bytea PRIMARY KEY,
    session_id  uuid NOT NULL REFERENCES sessions ON DELETE CASCADE,
    created_at  timestamptz NOT NULL,
    used_at     timestamptz,
    expires_at  timestamptz NOT NULL
);
CREATE INDEX refresh_tokens_of_session ON refresh_tokens (session_id);

CREATE TABLE login_attempts (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    action   text NOT NULL,
    subject  text NOT NULL,
    at       timestamptz NOT NULL
);
CREATE INDEX login_attempts_by_subject ON login_attempts (action, subject, at);

CREATE INDEX audit_log_by_actor ON audit_log (actor, id);
CREATE INDEX audit_log_by_action ON audit_log (action, id);
