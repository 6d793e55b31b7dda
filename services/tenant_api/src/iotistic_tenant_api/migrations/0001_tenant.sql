-- Devices, their identities and keys, target states, reports, license, audit.

CREATE TABLE system_config (
    name        text PRIMARY KEY,
    value       jsonb NOT NULL,
    changed_at  timestamptz NOT NULL
);

CREATE TABLE audit_log (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL,
    actor       text NOT NULL,
    action      text NOT NULL,
    subject     text NOT NULL,
    detail      jsonb NOT NULL DEFAULT '{}'
);

CREATE TABLE provisioning_keys (
    id           text PRIMARY KEY,
    name         text,
    secret_hash  bytea NOT NULL,
    max_devices  integer NOT NULL CHECK (max_devices > 0),
    used         integer NOT NULL DEFAULT 0 CHECK (used >= 0 AND used <= max_devices),
    fleet        text,
    device_uuid  uuid,
    expires_at   timestamptz,
    revoked_at   timestamptz,
    leaked       integer NOT NULL DEFAULT 0,
    created_at   timestamptz NOT NULL,
    created_by   text NOT NULL
);

-- One place of a key, taken once by a uuid with one public key.
CREATE TABLE provisioning_key_uses (
    key_id       text NOT NULL REFERENCES provisioning_keys,
    device_uuid  uuid NOT NULL,
    public_key   bytea NOT NULL,
    at           timestamptz NOT NULL,
    PRIMARY KEY (key_id, device_uuid, public_key)
);

CREATE TABLE provisioning_attempts (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key_id   text NOT NULL,
    address  text NOT NULL,
    at       timestamptz NOT NULL
);
CREATE INDEX provisioning_attempts_by_key ON provisioning_attempts (key_id, at);
CREATE INDEX provisioning_attempts_by_address ON provisioning_attempts (address, at);

CREATE TABLE provisioning_challenges (
    digest   bytea PRIMARY KEY,
    used_at  timestamptz NOT NULL
);

-- How often an address made this service do private-key work in a minute; lost in a crash.
CREATE UNLOGGED TABLE provisioning_work (
    address  text NOT NULL,
    minute   timestamptz NOT NULL,
    count    integer NOT NULL,
    PRIMARY KEY (address, minute)
);

CREATE TABLE devices (
    uuid                 uuid PRIMARY KEY,
    name                 text NOT NULL,
    device_type          text,
    fleet                text,
    tags                 jsonb NOT NULL DEFAULT '{}',
    public_key           bytea,
    newest_registration  uuid,
    registered_at        timestamptz,
    reregister_until     timestamptz,
    mac_address          text,
    os_version           text,
    agent_version        text,
    poll_interval_ms     integer,
    last_seen_at         timestamptz,
    released_at          timestamptz,
    deleted_at           timestamptz,
    created_at           timestamptz NOT NULL
);
CREATE INDEX devices_in_order_of_registration ON devices (registered_at, uuid)
    WHERE registered_at IS NOT NULL AND deleted_at IS NULL;

CREATE TABLE device_registrations (
    id            uuid PRIMARY KEY,
    device_uuid   uuid NOT NULL REFERENCES devices,
    public_key    bytea NOT NULL,
    sealing_key   bytea NOT NULL,
    created_at    timestamptz NOT NULL,
    confirmed_at  timestamptz,
    ended_at      timestamptz
);
CREATE INDEX device_registrations_alive ON device_registrations (device_uuid)
    WHERE ended_at IS NULL;

CREATE TABLE device_api_keys (
    id               text PRIMARY KEY,
    device_uuid      uuid NOT NULL REFERENCES devices,
    registration     uuid NOT NULL REFERENCES device_registrations,
    current_hash     bytea NOT NULL,
    pending_hash     bytea,
    pending_since    timestamptz,
    previous_hash    bytea,
    previous_until   timestamptz,
    spent_hashes     bytea[] NOT NULL DEFAULT '{}',
    created_at       timestamptz NOT NULL,
    rotated_at       timestamptz,
    revoked_at       timestamptz
);
CREATE INDEX device_api_keys_of_device ON device_api_keys (device_uuid) WHERE revoked_at IS NULL;

CREATE TABLE device_certificates (
    serial          text PRIMARY KEY,
    device_uuid     uuid NOT NULL REFERENCES devices,
    registration    uuid NOT NULL REFERENCES device_registrations,
    not_after       timestamptz NOT NULL,
    issued_at       timestamptz NOT NULL,
    revoke_at       timestamptz,
    revoke_reason   text,
    revoked_at      timestamptz
);
CREATE INDEX device_certificates_to_revoke ON device_certificates (revoke_at)
    WHERE revoke_at IS NOT NULL AND revoked_at IS NULL;

CREATE TABLE device_target_state (
    device_uuid    uuid PRIMARY KEY REFERENCES devices,
    version        bigint NOT NULL,
    spec_revision  bigint NOT NULL,
    spec           jsonb NOT NULL,
    overrides      jsonb NOT NULL DEFAULT '{}',
    secrets        jsonb NOT NULL DEFAULT '{}',
    next_expiry    timestamptz,
    changed_at     timestamptz NOT NULL
);
CREATE INDEX device_target_state_next_expiry ON device_target_state (next_expiry)
    WHERE next_expiry IS NOT NULL;

CREATE TABLE device_target_state_history (
    device_uuid    uuid NOT NULL REFERENCES devices,
    version        bigint NOT NULL,
    spec_revision  bigint NOT NULL,
    spec           jsonb NOT NULL,
    overrides      jsonb NOT NULL,
    changed_at     timestamptz NOT NULL,
    changed_by     text NOT NULL,
    PRIMARY KEY (device_uuid, version, spec_revision)
);

-- Devices that are to be told to poll; a row goes when the broker has taken the message.
CREATE TABLE poll_requests (
    device_uuid  uuid PRIMARY KEY REFERENCES devices,
    asked_at     timestamptz NOT NULL
);

CREATE TABLE device_current_state (
    device_uuid   uuid PRIMARY KEY REFERENCES devices,
    registration  uuid NOT NULL,
    report        jsonb NOT NULL,
    received_at   timestamptz NOT NULL
);

-- High-water marks: one per stream and lane, within one registration.
CREATE TABLE device_marks (
    device_uuid    uuid NOT NULL REFERENCES devices,
    registration   uuid NOT NULL,
    lane           text NOT NULL,
    stream         text NOT NULL,
    epoch          bigint NOT NULL,
    sequence       bigint NOT NULL,
    seen           bigint GENERATED ALWAYS AS IDENTITY,
    repeats        bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (device_uuid, registration, lane, stream)
);
