-- What devices send beside reports: log lines and readings, in the order of their arrival.

CREATE TABLE device_logs (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_uuid  uuid NOT NULL REFERENCES devices,
    at           timestamptz NOT NULL,
    received_at  timestamptz NOT NULL,
    level        text NOT NULL,
    service      text,
    component    text,
    message      text NOT NULL,
    extra        jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX device_logs_of_device ON device_logs (device_uuid, id);
CREATE INDEX device_logs_by_time ON device_logs USING brin (received_at);

CREATE TABLE device_readings (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_uuid  uuid NOT NULL REFERENCES devices,
    at           timestamptz NOT NULL,
    received_at  timestamptz NOT NULL,
    sensor_id    text NOT NULL,
    value        jsonb NOT NULL,
    unit         text,
    extra        jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX device_readings_of_device ON device_readings (device_uuid, id);
CREATE INDEX device_readings_by_time ON device_readings USING brin (received_at);
