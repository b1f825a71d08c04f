-- get_record: One record.
SELECT collection, key, value, revision, position FROM records WHERE collection = ? AND key = ?;

-- get_revision: How often a record has been written.
SELECT revision FROM records WHERE collection = ? AND key = ?;

-- scan_records: The records of a collection in a range of keys, in order.
SELECT collection, key, value, revision, position FROM records
WHERE collection = ? AND key >= ? AND key < ? ORDER BY key LIMIT ?;

-- scan_records_in_reverse: The same, the last key first.
SELECT collection, key, value, revision, position FROM records
WHERE collection = ? AND key >= ? AND key < ? ORDER BY key DESC LIMIT ?;

-- put_record: Write a record and count the write.
INSERT INTO records (collection, key, value, revision, position) VALUES (?, ?, ?, 1, ?)
ON CONFLICT (collection, key) DO UPDATE
SET value = excluded.value, revision = revision + 1, position = excluded.position;

-- delete_record: Remove a record.
DELETE FROM records WHERE collection = ? AND key = ?;
