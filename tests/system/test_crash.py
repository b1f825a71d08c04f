"""No acknowledged event is lost, whenever the server is killed.

SWITCHHOOK_CRASH_SEED repeats the instants of a campaign; each test prints its seed.
"""

import os
import secrets
from pathlib import Path

import pytest

from tests.crash import campaign


def _run(kills: int, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seed = int(os.environ.get("SWITCHHOOK_CRASH_SEED") or secrets.randbelow(1 << 31))
    with capsys.disabled():
        print(f"\ncrash campaign: {kills} kills, seed {seed}")  # noqa: T201 - promised to readers
    outcome = campaign.run(kills=kills, seed=seed, folder=folder, say=lambda _: None)
    with capsys.disabled():
        print("crash campaign:", *outcome.lines[-2:], sep="\n  ")  # noqa: T201 - promised to readers
    report = "\n".join(["", *outcome.problems, *outcome.lines, f"SWITCHHOOK_CRASH_SEED={seed}"])
    assert not outcome.problems, report


@pytest.mark.system
def test_ten_kills_lose_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was acknowledged is delivered, with no more duplicates than a checkpoint explains.

    Of chat, every thread is as it was told to be, and each action has all of its events or none.
    """
    _run(10, tmp_path, capsys)


@pytest.mark.system
@pytest.mark.slow
def test_fifty_kills_lose_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same, five times as long."""
    _run(50, tmp_path, capsys)
