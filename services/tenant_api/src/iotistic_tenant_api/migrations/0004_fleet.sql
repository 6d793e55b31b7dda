-- The fleet at a glance and in depth: what lists sort by, metrics, events, drafts.

ALTER TABLE devices
    ADD COLUMN keys_revoked_at timestamptz,
    -- Whether people were last told that it is online; the truth is in last_seen_at.
    ADD COLUMN told_online boolean NOT NULL DEFAULT false,
    -- What the last report comes to, so that a list needs not read reports.
    ADD COLUMN report_status text,
    ADD COLUMN applied_version bigint,
    ADD COLUMN failure jsonb,
    ADD COLUMN failing_since timestamptz,
    ADD COLUMN services_total integer NOT NULL DEFAULT 0,
    ADD COLUMN services_running integer NOT NULL DEFAULT 0,
    ADD COLUMN services_stopped integer NOT NULL DEFAULT 0,
    ADD COLUMN services_paused integer NOT NULL DEFAULT 0,
    ADD COLUMN services_failing integer NOT NULL DEFAULT 0;
UPDATE devices SET told_online = true
WHERE last_seen_at > now() - 3 * coalesce(nullif(poll_interval_ms, 0), 30000) * interval '1 ms';
-- The next report brings the services; without these two every device would look outdated.
UPDATE devices SET report_status = left(r.report ->> 'status', 64),
    applied_version = CASE WHEN jsonb_typeof(r.report -> 'appliedVersion') = 'number'
                           THEN (r.report ->> 'appliedVersion')::bigint END,
    failing_since = CASE WHEN r.report ->> 'status' IN ('failed', 'rolled_back')
                         THEN r.received_at END
FROM device_current_state r WHERE r.device_uuid = devices.uuid;

CREATE TABLE device_metrics (
    device_uuid  uuid NOT NULL REFERENCES devices,
    at           timestamptz NOT NULL,
    metrics      jsonb NOT NULL
);
CREATE INDEX device_metrics_of_device ON device_metrics (device_uuid, at);
CREATE INDEX device_metrics_by_time ON device_metrics USING brin (at);

-- What happened: rows are only ever added, and dropped when their time is over.
CREATE TABLE events (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at           timestamptz NOT NULL,
    device_uuid  uuid REFERENCES devices,
    type         text NOT NULL,
    severity     text NOT NULL CHECK (severity IN ('info', 'warning', 'error')),
    actor        text NOT NULL,
    data         jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX events_of_device ON events (device_uuid, id);
CREATE INDEX events_by_time ON events USING brin (at);

-- Streams that people have open, over all workers; lost in a crash, as the streams are.
CREATE UNLOGGED TABLE open_streams (
    id        uuid PRIMARY KEY,
    owner     text NOT NULL,
    alive_at  timestamptz NOT NULL
);

CREATE SEQUENCE device_target_draft_revisions;
CREATE TABLE device_target_drafts (
    device_uuid    uuid PRIMARY KEY REFERENCES devices,
    revision       bigint NOT NULL DEFAULT nextval('device_target_draft_revisions'),
    spec           jsonb NOT NULL,
    secrets        jsonb NOT NULL DEFAULT '{}',
    base_revision  bigint NOT NULL,
    changed_by     text NOT NULL,
    changed_at     timestamptz NOT NULL
);
