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
