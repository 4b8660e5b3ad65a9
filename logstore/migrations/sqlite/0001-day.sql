-- A day file: the records opened on one UTC day, and what is the same for all of them.
-- Instants are microseconds of UTC since 1970; addresses are 4 or 16 bytes in network order.
-- A record whose outcome is null goes on, or was cut by a crash that nobody has recovered from yet.
CREATE TABLE record (
    id             INTEGER PRIMARY KEY,
    opened_at      INTEGER NOT NULL,
    closed_at      INTEGER,
    user           TEXT,
    auth           TEXT    NOT NULL,
    client_ip      BLOB    NOT NULL,
    method         TEXT    NOT NULL,
    scheme         TEXT    NOT NULL,
    host           TEXT,
    port           INTEGER NOT NULL,
    tls_name       TEXT,
    masked         TEXT,
    path           TEXT,
    destination_ip BLOB,
    status         INTEGER,
    bytes_sent     INTEGER NOT NULL,
    bytes_received INTEGER NOT NULL,
    action         TEXT    NOT NULL,
    outcome        TEXT,
    rule           TEXT,
    article        TEXT,
    category       TEXT,
    charter        TEXT    NOT NULL
);

-- Only the records still open: a handful on a busy day, none on a finished one. Recovery asks every day for them.
CREATE INDEX record_open ON record (id) WHERE outcome IS NULL;

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
