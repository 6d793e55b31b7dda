-- The agent's state; a change is one transaction. WAL, synchronous FULL.
CREATE TABLE IF NOT EXISTS device (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    uuid TEXT NOT NULL UNIQUE,
    registration TEXT,
    customerId TEXT,
    deviceApiKey TEXT,
    provisioningKeyId TEXT,
    apiEndpoint TEXT,
    apiTlsConfig TEXT,
    targetStateUrl TEXT,
    mqttBrokerConfig TEXT,
    orderPublicKeys TEXT,
    registeredAt TEXT
) STRICT;
CREATE TABLE IF NOT EXISTS target_state (
    slot TEXT PRIMARY KEY CHECK (slot IN ('candidate', 'committed', 'previous', 'failed')),
    etag TEXT NOT NULL,
    version INTEGER NOT NULL,
    document TEXT NOT NULL,
    failure TEXT,
    storedAt TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS sync (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS streams (
    lane TEXT PRIMARY KEY,
    stream TEXT NOT NULL,
    epoch INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS set_aside (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    lane TEXT NOT NULL,
    body TEXT NOT NULL,
    status INTEGER NOT NULL,
    answer TEXT NOT NULL,
    at TEXT NOT NULL
) STRICT;
-- Lines on their way to the cloud; the lowest rank goes first when there is no room.
CREATE TABLE IF NOT EXISTS outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    lane TEXT NOT NULL,
    rank INTEGER NOT NULL,
    line TEXT NOT NULL,
    size INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS outbox_by_lane ON outbox (lane, id);
CREATE INDEX IF NOT EXISTS outbox_by_rank ON outbox (rank, id);
-- Lines that never arrived, by lane: dropped for room, or refused by the cloud.
CREATE TABLE IF NOT EXISTS lost_lines (
    lane TEXT NOT NULL,
    reason TEXT NOT NULL CHECK (reason IN ('dropped', 'refused')),
    count INTEGER NOT NULL,
    PRIMARY KEY (lane, reason)
) STRICT;
-- How far each service's log was read: the engine's time of the last line.
CREATE TABLE IF NOT EXISTS log_cursors (
    service TEXT PRIMARY KEY,
    at TEXT NOT NULL
) STRICT;
-- Bytes on the link, by month (UTC) and what they were for.
CREATE TABLE IF NOT EXISTS traffic (
    month TEXT NOT NULL,
    lane TEXT NOT NULL,
    sent INTEGER NOT NULL,
    received INTEGER NOT NULL,
    PRIMARY KEY (month, lane)
) STRICT;
-- The image ids that a committed target ran with, by reference: tags may move meanwhile.
CREATE TABLE IF NOT EXISTS release_images (
    etag TEXT NOT NULL,
    reference TEXT NOT NULL,
    imageId TEXT NOT NULL,
    PRIMARY KEY (etag, reference)
) STRICT;
-- Targets that were tried and left, with the report's word for why.
CREATE TABLE IF NOT EXISTS given_up (
    etag TEXT PRIMARY KEY,
    type TEXT NOT NULL
) STRICT;
-- Candidates of which a step was done, with the agent's starts since.
CREATE TABLE IF NOT EXISTS trials (
    etag TEXT PRIMARY KEY,
    boots INTEGER NOT NULL
) STRICT;
-- Who asks for no updates, until when, and for how many seconds that was asked.
CREATE TABLE IF NOT EXISTS leases (
    owner TEXT PRIMARY KEY,
    reason TEXT NOT NULL,
    until TEXT NOT NULL,
    seconds INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS renewal (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS credentials (
    slot TEXT PRIMARY KEY CHECK (slot IN ('candidate', 'failed')),
    etag TEXT NOT NULL,
    document TEXT NOT NULL,
    storedAt TEXT NOT NULL
) STRICT;
-- What people at the device want of a service: until when, for how many seconds that was asked, and
-- instead of which state of the target's.
CREATE TABLE IF NOT EXISTS local_overrides (
    serviceId TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    insteadOf TEXT NOT NULL,
    owner TEXT NOT NULL,
    reason TEXT NOT NULL,
    until TEXT,
    seconds INTEGER
) STRICT;
-- Containers that are to be restarted once: as long as they live the life that is named here.
CREATE TABLE IF NOT EXISTS local_restarts (
    serviceId TEXT PRIMARY KEY,
    containerId TEXT NOT NULL,
    startedAt TEXT,
    owner TEXT NOT NULL,
    reason TEXT NOT NULL
) STRICT;
-- Apps whose containers and volumes (a JSON list) are to be removed once.
CREATE TABLE IF NOT EXISTS local_purges (
    appId TEXT PRIMARY KEY,
    volumes TEXT NOT NULL,
    owner TEXT NOT NULL,
    reason TEXT NOT NULL
) STRICT;
-- Settings of the agent that people at the device have set.
CREATE TABLE IF NOT EXISTS local_config (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
-- Orders that were taken, and whether the cloud knows how they stand.
CREATE TABLE IF NOT EXISTS orders (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    registration TEXT NOT NULL,
    kind TEXT NOT NULL,
    version TEXT,
    sha256 TEXT,
    allowDowngrade INTEGER NOT NULL,
    expires TEXT NOT NULL,
    status TEXT NOT NULL,
    output TEXT,
    acknowledged INTEGER NOT NULL DEFAULT 0,
    takenAt TEXT NOT NULL
) STRICT;
-- The highest number of an order that was taken, by kind.
CREATE TABLE IF NOT EXISTS order_counters (
    registration TEXT NOT NULL,
    kind TEXT NOT NULL,
    counter INTEGER NOT NULL,
    PRIMARY KEY (registration, kind)
) STRICT;
