-- The log, the records and the delivery state of the first release.

-- One row for the batches of one group commit, packed (packed_rows.py); the events of a row have the
-- positions first to first + count - 1. size_before counts the bytes of every row before this one,
-- so that the size of the log is known from its two ends.
CREATE TABLE log (
    first INTEGER PRIMARY KEY,
    count INTEGER NOT NULL,
    published_at INTEGER NOT NULL,
    size INTEGER NOT NULL,
    size_before INTEGER NOT NULL,
    batches BLOB NOT NULL
) STRICT;

CREATE TABLE records (
    collection TEXT NOT NULL,
    key TEXT NOT NULL,
    value BLOB NOT NULL,
    revision INTEGER NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (collection, key)
) STRICT;

CREATE TABLE cursors (
    subscription TEXT NOT NULL,
    run INTEGER NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (subscription, run)
) STRICT, WITHOUT ROWID;

CREATE TABLE waiting (
    subscription TEXT NOT NULL,
    position INTEGER NOT NULL,
    run INTEGER NOT NULL,
    version INTEGER NOT NULL,
    topic TEXT NOT NULL,
    schema TEXT NOT NULL,
    published_at INTEGER NOT NULL,
    body BLOB NOT NULL,
    attempts INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    last_outcome TEXT NOT NULL,
    last_status_code INTEGER,
    last_attempt_at INTEGER,
    PRIMARY KEY (subscription, position, run)
) STRICT;

CREATE INDEX waiting_by_due_at ON waiting (due_at, position);

-- One row. log_end is where the log ended when it was last trimmed: an empty log goes on from there.
CREATE TABLE progress (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    watermark INTEGER NOT NULL,
    log_end INTEGER NOT NULL
) STRICT;

INSERT INTO progress (id, watermark, log_end) VALUES (1, 0, 0);
