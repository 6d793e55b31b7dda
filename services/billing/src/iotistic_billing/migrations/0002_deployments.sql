-- The one deployment of each customer: where it is, what is wanted there, what was applied.
-- How far it is follows from its last job; applied_hash is empty from a job's begin to its end.
CREATE TABLE deployments (
    customer_id   text PRIMARY KEY REFERENCES customers,
    address       inet NOT NULL UNIQUE,
    instance_url  text NOT NULL,
    job_id        uuid REFERENCES work (id),
    fence         bigint NOT NULL DEFAULT 0,
    begun_hash    text,
    applied_hash  text,
    applied_at    timestamptz,
    ca_pin        text,
    created_at    timestamptz NOT NULL
);
