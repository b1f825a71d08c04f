-- What replays, dead letters and traces need of a waiting delivery; the order in which deliveries
-- come due as an index of its own; and by which events are found by their ids.

ALTER TABLE waiting ADD COLUMN lives_from INTEGER NOT NULL DEFAULT 0;
ALTER TABLE waiting ADD COLUMN dead_letter_reason TEXT NOT NULL DEFAULT '';
ALTER TABLE waiting ADD COLUMN given_up_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE waiting ADD COLUMN traceparent TEXT NOT NULL DEFAULT '';

DROP INDEX waiting_by_due_at;
CREATE INDEX waiting_by_due_at ON waiting (due_at, position, subscription, run);

-- Copies of the hashes of consecutive events, from position first to the one before past
-- (id_hashes.py).
CREATE TABLE id_hashes (
    first INTEGER PRIMARY KEY,
    past INTEGER NOT NULL,
    hashes BLOB NOT NULL
) STRICT;
