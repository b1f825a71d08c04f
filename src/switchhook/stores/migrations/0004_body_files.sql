-- Large bodies lie in files of their own (body_files.py), and rows point to them. Those into file
-- `number` begin at position `first`; those into the next one come after them.
CREATE TABLE body_files (
    number INTEGER PRIMARY KEY,
    first INTEGER NOT NULL
) STRICT;
