"""Each example runs as its README says."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services.postgres import Postgres, new_name

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
FOLDERS = sorted(path.parent.name for path in EXAMPLES.glob("*/run.py"))
# What each prints when it has got that far.
SAID = {"chat": "after it has looked:\n  Alice: What shall we cook tonight?\n  Bob: (deleted)\n"}

pytestmark = pytest.mark.system


@pytest.mark.parametrize("folder", FOLDERS)
def test_example_runs_with_nothing_prepared(folder: str) -> None:
    """It brings its own server, its own handler and what stands behind that."""
    assert SAID.get(folder, "+14255550100 texts") in run(folder)


def test_database_may_be_ones_own(postgres: Postgres) -> None:
    """With DATABASE_URL no other PostgreSQL is started."""
    name = new_name()
    postgres.create(name)

    output = run("sms_to_database", DATABASE_URL=postgres.url_of(name))

    assert "('+14255550100', '+15555550100', 'Is a table free at noon? 🍕')" in output


def test_demo_runs() -> None:
    """What `make demo` shows."""
    assert "4 events in " in run_file(EXAMPLES / "demo.py")


@pytest.mark.parametrize("folder", FOLDERS)
def test_readme_begins_with_the_command(folder: str) -> None:
    """Nobody has to read on to run it."""
    assert f"\npython examples/{folder}/run.py\n" in (EXAMPLES / folder / "README.md").read_text()


def test_there_are_examples() -> None:
    """A moderated chat, a row, a mail, a work item."""
    assert FOLDERS == ["chat", "sms_to_database", "sms_to_email", "sms_to_work_item"]


def run(folder: str, **environment: str) -> str:
    """What an example prints; it must succeed."""
    return run_file(EXAMPLES / folder / "run.py", **environment)


def run_file(path: Path, **environment: str) -> str:
    """The same of any script."""
    without = ("DATABASE_URL", "TRACKER_URL", "SMTP_HOST")
    inherited = {name: value for name, value in os.environ.items() if name not in without}
    ended = subprocess.run(
        [sys.executable, str(path)],
        env={**inherited, "PYTHONIOENCODING": "utf-8", **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout
