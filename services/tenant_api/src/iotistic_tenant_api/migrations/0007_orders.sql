-- Orders to devices: signed, numbered by device and kind, bound to one registration.

CREATE TABLE order_counters (
    device_uuid  uuid NOT NULL REFERENCES devices,
    kind         text NOT NULL,
    counter      bigint NOT NULL,
    taken        bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (device_uuid, kind)
);

CREATE TABLE orders (
    id               uuid PRIMARY KEY,
    device_uuid      uuid NOT NULL REFERENCES devices,
    registration     uuid NOT NULL REFERENCES device_registrations,
    kind             text NOT NULL,
    counter          bigint NOT NULL,
    version          text,
    sha256           text,
    allow_downgrade  boolean NOT NULL DEFAULT false,
    not_before       timestamptz NOT NULL,
    expires          timestamptz NOT NULL,
    token            text NOT NULL,
    status           text NOT NULL,
    exit_code        integer,
    output           text,
    created_at       timestamptz NOT NULL,
    created_by       text NOT NULL,
    changed_at       timestamptz NOT NULL,
    announced_at     timestamptz,
    UNIQUE (device_uuid, kind, counter)
);
CREATE INDEX orders_of_device ON orders (device_uuid, created_at DESC);
CREATE INDEX orders_open ON orders (device_uuid, created_at)
    WHERE status IN ('waiting', 'running');
CREATE INDEX orders_to_announce ON orders (created_at)
    WHERE announced_at IS NULL AND status = 'waiting';
