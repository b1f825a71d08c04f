-- add_block: Add a block of attempts.
INSERT INTO blocks (is_failure, size, first_position, last_position, positions, attempts)
VALUES (?, ?, ?, ?, ?, ?);

-- blocks_of_position: The blocks that hold a position, or look as if they did.
SELECT is_failure, positions, attempts FROM blocks
WHERE first_position <= ?1 AND last_position >= ?1 AND instr(positions, ?2) > 0;

-- size_of_blocks: The bytes of all blocks.
SELECT coalesce(sum(size), 0) FROM blocks;

-- block_to_forget: The block that goes first: the oldest of successes, then of failures.
SELECT id, size FROM blocks ORDER BY is_failure, id LIMIT 1;

-- forget_block: Remove a block.
DELETE FROM blocks WHERE id = ?;

-- forget_all_blocks: Remove every block.
DELETE FROM blocks;
