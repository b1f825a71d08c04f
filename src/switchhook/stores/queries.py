"""Where is the SQL, and how is it named?

Each file of `queries/` holds queries that begin with a comment `-- name: A sentence.`
"""

import re
from collections.abc import Mapping
from importlib.resources import files

_HEADING = re.compile(r"^-- ([a-z_]+): .+\.$", re.MULTILINE)


def load_queries(file: str) -> Mapping[str, str]:
    """The queries of one file by their names."""
    text = files("switchhook.stores").joinpath("queries", file).read_text("utf-8")
    _, *parts = _HEADING.split(text)
    return {name: query.strip() for name, query in zip(parts[::2], parts[1::2], strict=True)}


def load_migrations() -> list[str]:
    """The scripts of `migrations/` in their order: the n-th makes version n out of n - 1."""
    folder = files("switchhook.stores").joinpath("migrations")
    scripts = (file for file in folder.iterdir() if file.name.endswith(".sql"))
    return [file.read_text("utf-8") for file in sorted(scripts, key=lambda file: file.name)]
