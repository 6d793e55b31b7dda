-- The work queue of iotistic_kit.work. Times are the database's own: one clock for all workers.
CREATE TABLE work (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    number bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    kind text NOT NULL,
    key text NOT NULL,
    payload jsonb NOT NULL,
    status text NOT NULL DEFAULT 'queued'
        CHECK (status IN ('queued', 'running', 'succeeded', 'failed', 'canceled')),
    due_at timestamptz NOT NULL DEFAULT now(),
    attempt integer NOT NULL DEFAULT 0,
    failures integer NOT NULL DEFAULT 0,
    losses integer NOT NULL DEFAULT 0,
    fence bigint,
    worker text,
    lease_until timestamptz,
    cancel_requested boolean NOT NULL DEFAULT false,
    progress jsonb,
    result jsonb,
    error text,
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    finished_at timestamptz,
    CHECK ((status = 'running') = (lease_until IS NOT NULL))
);
CREATE UNIQUE INDEX work_one_running_a_key ON work (key) WHERE status = 'running';
CREATE INDEX work_queued ON work (kind, due_at) WHERE status = 'queued';
CREATE INDEX work_leased ON work (lease_until) WHERE status = 'running';
CREATE INDEX work_key ON work (key, number);

-- The highest fencing number ever given for a key; it outlives the key's jobs.
CREATE TABLE work_fences (
    key text PRIMARY KEY,
    fence bigint NOT NULL
);

CREATE TABLE work_log (
    job uuid NOT NULL REFERENCES work ON DELETE CASCADE,
    n bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    line text NOT NULL,
    PRIMARY KEY (job, n)
);
