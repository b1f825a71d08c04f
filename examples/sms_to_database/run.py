"""A customer texts, and the text is a row in PostgreSQL a moment later.

Starts all it needs and ends with 0 only if the row is right. The database is that of DATABASE_URL
or, without the variable, one that is started for the moment.

    python examples/sms_to_database/run.py
"""

import contextlib
import os
import sys
from pathlib import Path
from typing import Any

import psycopg

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from postgres import running_postgres  # noqa: E402
from stage import CUSTOMER, running_handler, running_switchhook, wait_for  # noqa: E402

TEXT = "Is a table free at noon? 🍕"


def main() -> int:
    """Play it through; answer the process's exit code."""
    with contextlib.ExitStack() as stack:
        database = os.environ.get("DATABASE_URL") or stack.enter_context(running_postgres())
        connection = stack.enter_context(psycopg.connect(database, autocommit=True))
        connection.execute((HERE / "table.sql").read_text())
        stage = stack.enter_context(running_switchhook())
        url = stack.enter_context(running_handler(HERE, {"DATABASE_URL": database}))
        stage.subscribe("to-database", url)
        print(f"{CUSTOMER} texts {TEXT!r} to {stage.number}")
        message_id = stage.text(TEXT)
        rows = wait_for(lambda: find(connection, message_id)) or []
        print(f"rows of the table sms: {rows}")
        return 0 if rows == [(CUSTOMER, stage.number, TEXT)] else 1


def find(connection: "psycopg.Connection[Any]", message_id: str) -> list[Any] | None:
    """The rows of a message, or None while there is none."""
    query = "SELECT sender, recipient, message FROM sms WHERE message_id = %s"
    return connection.execute(query, [message_id]).fetchall() or None


if __name__ == "__main__":
    sys.exit(main())
