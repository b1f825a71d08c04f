"""Databases of one PostgreSQL server, for tests that write rows."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

import psycopg
from psycopg import sql

from examples.postgres import running_postgres


@dataclass(frozen=True)
class Postgres:
    """A running server."""

    url: str

    def url_of(self, database: str) -> str:
        """The URL of a database, whether it exists or not."""
        return f"{self.url.rpartition('/')[0]}/{database}"

    def create(self, database: str) -> None:
        """Create an empty database."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))


def new_name() -> str:
    """A name that no database has."""
    return f"test_{uuid4().hex}"


@contextmanager
def running_server() -> Iterator[Postgres]:
    """A server of its own, on a free port; it forgets everything when the power fails."""
    with running_postgres() as url:
        yield Postgres(url)
