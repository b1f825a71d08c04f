-- append_row: Add the packed batches of a group at the end of the log.
INSERT INTO log (first, count, published_at, size, size_before, batches)
VALUES (?, ?, ?, ?, ?, ?);

-- add_hashes: Add a block of hashes of consecutive events.
INSERT INTO id_hashes (first, past, hashes) VALUES (?, ?, ?);

-- blocks_before: Some blocks that begin before a position, the newest first.
SELECT first, hashes FROM id_hashes WHERE first < ? ORDER BY first DESC LIMIT ?;

-- rows_without_block: The rows after the last block, the newest first.
SELECT first, count, size, batches FROM log
WHERE first >= coalesce((SELECT past FROM id_hashes ORDER BY first DESC LIMIT 1), 0)
ORDER BY first DESC LIMIT ?;

-- read_rows: The packed rows from the one that holds a position, in order.
SELECT first, batches FROM log
WHERE first >= coalesce((SELECT max(first) FROM log WHERE first <= ?), 0)
ORDER BY first;

-- first_row: Where the log begins: its first position, that row's time, and the bytes before it.
SELECT first, published_at, size_before FROM log ORDER BY first LIMIT 1;

-- last_row: Where the log ends: the position and the bytes after its last row.
SELECT first + count, size_before + size FROM log ORDER BY first DESC LIMIT 1;

-- log_end: Where the log ended when it was last trimmed.
SELECT log_end FROM progress;

-- rows_to_trim: The oldest rows of which every position is less than a given one: ends and sizes.
SELECT first + count, size FROM log WHERE first < ?1 AND first + count <= ?1
ORDER BY first LIMIT ?2;

-- trim_before: Forget the rows before a position.
DELETE FROM log WHERE first < ?;

-- trim_hashes_before: Forget the blocks of which every position is less than a given one.
DELETE FROM id_hashes WHERE first < ?1 AND past <= ?1;

-- add_body_file: From a position on, rows point into another file.
INSERT INTO body_files (number, first) VALUES (?, ?);

-- body_files: The oldest and the newest file that rows point into, 0 where there was none.
SELECT coalesce(min(number), 0), coalesce(max(number), 0) FROM body_files;

-- trim_body_files_before: Forget the files of which every row comes before a position.
DELETE FROM body_files
WHERE number < (SELECT max(number) FROM body_files WHERE first <= ?);

-- keep_log_end: Remember where the log ends, so that positions never start again.
UPDATE progress SET log_end = ?;
