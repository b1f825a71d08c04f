"""How is the database opened, and brought to the newest version?"""

from pathlib import Path

import apsw

from switchhook.errors import StartError
from switchhook.stores.data_folder import refuse_newer
from switchhook.stores.queries import load_migrations

MIGRATIONS = load_migrations()
VERSION = len(MIGRATIONS)

# Of a new database. Wide rows: larger pages need fewer log frames a commit.
_PAGE_BYTES = 32 << 10
# A whole group (4 MiB of bodies) stays in memory until it commits; a spill would write it twice.
_WRITER_CACHE_KIB = 8 << 10
# A burst may grow the write-ahead log; it shrinks to this when it starts again.
_WAL_KEPT_BYTES = 64 << 20
# Somebody may look into the file with another tool; wait for a lock of theirs, but not for ever.
_BUSY_MILLISECONDS = 5_000

# Which subscriptions were deleted since the start. A table, so that a transaction that fails takes
# its own back; not in the file, because nobody who has not heard of it outlives the process.
_DROPPED = "CREATE TEMP TABLE dropped (subscription TEXT PRIMARY KEY) STRICT, WITHOUT ROWID"


def open_writer(database: Path, vfs: str | None = None) -> apsw.Connection:
    """The one connection that writes, to a database of the newest version.

    Raises:
        StartError: the file is damaged or not ours to read.
    """
    try:
        connection = apsw.Connection(str(database), vfs=vfs)
        connection.set_busy_timeout(_BUSY_MILLISECONDS)
        connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
        connection.pragma("journal_mode", "wal")
        connection.pragma("synchronous", "full")
        connection.pragma("cache_size", -_WRITER_CACHE_KIB)
        connection.pragma("journal_size_limit", _WAL_KEPT_BYTES)
        connection.wal_autocheckpoint(0)  # the writer chooses the moment
        _migrate(connection, database)
        connection.pragma("temp_store", "memory")
        connection.execute(_DROPPED)
        # After an fsync that failed, the system may hold pages of the write-ahead log that the disk
        # does not; commits must not build on them. This copies them to the database and syncs that.
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    except apsw.Error as error:
        raise StartError(
            f"the database {database} cannot be opened: {error}; restore it from a copy, or give "
            "another folder with --data"
        ) from error
    return connection


def open_copier(database: Path, vfs: str | None = None) -> apsw.Connection:
    """A connection that only copies the write-ahead log to the database, with syncs."""
    connection = apsw.Connection(str(database), vfs=vfs)
    connection.set_busy_timeout(_BUSY_MILLISECONDS)
    connection.pragma("synchronous", "full")
    connection.wal_autocheckpoint(0)
    return connection


def open_reader(database: Path, vfs: str | None = None) -> apsw.Connection:
    """A connection that only reads."""
    connection = apsw.Connection(str(database), vfs=vfs)
    connection.set_busy_timeout(_BUSY_MILLISECONDS)
    connection.pragma("query_only", True)
    return connection


def _migrate(connection: apsw.Connection, database: Path) -> None:
    version = int(connection.pragma("user_version"))
    refuse_newer(database.parent, version, VERSION)
    for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
        connection.execute(f"BEGIN IMMEDIATE; {script}; PRAGMA user_version = {number}; COMMIT")
