"""How do commands print what they got? Tables for people, JSON for scripts.

Most of it comes from strangers: publishers, webhooks. A terminal obeys none of it.
"""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from switchhook.cli.arm_client import ArmClient
from switchhook.cli.listen_output import printable


def print_json(value: Any) -> None:
    """One JSON document."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    print("\n".join(map(printable, text.split("\n"))))


def print_table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Aligned columns; a note in place of an empty table."""
    lines = [[printable(str(cell)) for cell in row] for row in rows]
    if not lines:
        print("none")
        return
    widths = [max(map(len, column)) for column in zip(headings, *lines, strict=True)]
    for line in (list(headings), *lines):
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print("  ".join(cells).rstrip())


def print_pairs(pairs: Mapping[str, object]) -> None:
    """Names and values, one pair a line; what is absent is left out."""
    shown = {name: value for name, value in pairs.items() if value not in (None, "", [], {})}
    width = max(map(len, shown), default=0)
    for name, value in shown.items():
        print(f"{name.ljust(width)}  {printable(str(value))}")


def print_warnings(client: ArmClient) -> None:
    """What the server warned of, on the error stream."""
    for warning in client.warnings:
        print(f"warning: {printable(warning)}", file=sys.stderr)
