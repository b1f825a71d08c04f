-- get_watermark: Everything before it has been routed.
SELECT watermark FROM progress;

-- move_watermark: Everything before the given position is routed.
UPDATE progress SET watermark = ?;

-- all_cursors: The cursors of the subscriptions that lag behind the watermark.
SELECT subscription, run, position FROM cursors ORDER BY subscription, run;

-- put_cursor: Write the cursor of a subscription that lags behind, unless that is deleted.
INSERT INTO cursors (subscription, run, position)
SELECT ?1, ?2, ?3 WHERE ?1 NOT IN temp.dropped
ON CONFLICT (subscription, run) DO UPDATE SET position = excluded.position;

-- drop_cursor: The subscription has caught up.
DELETE FROM cursors WHERE subscription = ? AND run = ?;

-- drop_cursors: The subscription is deleted.
DELETE FROM cursors WHERE subscription = ?;

-- put_waiting: Write or replace an exception row, unless its subscription is deleted.
INSERT OR REPLACE INTO waiting (
    subscription, position, run, version, topic, schema, published_at, body, attempts, due_at,
    last_outcome, last_status_code, last_attempt_at, lives_from, dead_letter_reason, given_up_at, traceparent
) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17
WHERE ?1 NOT IN temp.dropped;

-- settle_waiting: The delivery is finished.
DELETE FROM waiting WHERE subscription = ? AND position = ? AND run = ?;

-- drop_waiting: The subscription is deleted.
DELETE FROM waiting WHERE subscription = ?;

-- note_dropped: The subscription is deleted, for those who do not know it yet.
INSERT OR IGNORE INTO temp.dropped (subscription) VALUES (?);

-- due_waiting: Exception rows that are due after a mark; of a JSON array of subscriptions, dead letters.
SELECT
    subscription, position, run, version, topic, schema, published_at, body, attempts, due_at,
    last_outcome, last_status_code, last_attempt_at, lives_from, dead_letter_reason, given_up_at, traceparent
FROM waiting
WHERE due_at <= ?1 AND (due_at, position, subscription, run) > (?2, ?3, ?4, ?5)
AND subscription NOT IN (SELECT value FROM json_each(?6))
UNION ALL
SELECT
    subscription, position, run, version, topic, schema, published_at, body, attempts, due_at,
    last_outcome, last_status_code, last_attempt_at, lives_from, dead_letter_reason, given_up_at, traceparent
FROM waiting INDEXED BY waiting_dead_letters_by_due_at
WHERE dead_letter_reason <> '' AND due_at <= ?1
AND (due_at, position, subscription, run) > (?2, ?3, ?4, ?5)
AND subscription IN (SELECT value FROM json_each(?6))
ORDER BY due_at, position, subscription, run LIMIT ?7;

-- next_due: The first mark of such a row after another, from indexes alone.
SELECT due_at, position, subscription, run FROM waiting
WHERE (due_at, position, subscription, run) > (?1, ?2, ?3, ?4)
AND subscription NOT IN (SELECT value FROM json_each(?5))
UNION ALL
SELECT due_at, position, subscription, run FROM waiting INDEXED BY waiting_dead_letters_by_due_at
WHERE dead_letter_reason <> '' AND (due_at, position, subscription, run) > (?1, ?2, ?3, ?4)
AND subscription IN (SELECT value FROM json_each(?5))
ORDER BY due_at, position, subscription, run LIMIT 1;

-- backlogs: How many exception rows each subscription has, and when the first one's event came.
SELECT subscription, count, (
    SELECT published_at FROM waiting AS own
    WHERE own.subscription = counted.subscription ORDER BY position, run LIMIT 1
)
FROM (
    SELECT subscription, count(*) AS count FROM waiting GROUP BY subscription
) AS counted
ORDER BY subscription;

-- waiting_of: The exception rows of one subscription in the order of their positions.
SELECT
    subscription, position, run, version, topic, schema, published_at, body, attempts, due_at,
    last_outcome, last_status_code, last_attempt_at, lives_from, dead_letter_reason, given_up_at, traceparent
FROM waiting WHERE subscription = ? AND position >= ? ORDER BY position, run LIMIT ?;
