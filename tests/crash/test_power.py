"""What the store has promised survives a power cut, whatever the disk keeps of the rest."""

import os
import random
from pathlib import Path

import apsw
import pytest

from tests.crash.power_campaign import cut_power
from tests.crash.power_cut import a_power_cut


@pytest.mark.parametrize("seed", range(12))
async def test_power_cut_loses_nothing_that_was_promised(tmp_path: Path, seed: int) -> None:
    cut = await cut_power(tmp_path, random.Random(seed), at=50 + 150 * seed)  # noqa: S311 - repeatable

    assert not cut.problems


async def test_power_cut_while_the_database_is_copied_to_loses_nothing(tmp_path: Path) -> None:
    """So late that the write-ahead log has been copied, and begins anew."""
    cut = await cut_power(tmp_path, random.Random(1), at=4_500)  # noqa: S311 - repeatable

    assert cut.promised > 100
    assert not cut.problems


@pytest.mark.parametrize("synchronous", ["off", "full"])
def test_cut_takes_what_was_not_synced(tmp_path: Path, synchronous: str) -> None:
    """The disk would notice a store that promises too early."""
    chance = random.Random(2)  # noqa: S311 - repeatable
    with a_power_cut(10_000, chance) as disk:
        connection = apsw.Connection(str(tmp_path / "a.db"), vfs=disk.name)
        connection.pragma("journal_mode", "wal")
        connection.pragma("synchronous", synchronous)
        connection.execute("CREATE TABLE t (n INTEGER)")
        for number in range(20):
            connection.execute("INSERT INTO t VALUES (?)", (number,))
        disk.cut()
        connection.close()
    disk.restore(tmp_path / "after")
    with apsw.Connection(str(tmp_path / "after" / "a.db")) as left:
        tables = left.execute("SELECT count(*) FROM sqlite_schema").get
        rows = left.execute("SELECT count(*) FROM t").get if tables else 0

    assert (rows == 20) == (synchronous == "full")


@pytest.mark.parametrize("forgotten", ["nothing", "the file", "the folder"])
def test_cut_takes_bodies_that_were_not_synced(tmp_path: Path, forgotten: str) -> None:
    """The disk would notice a store that relies on a body too early."""
    left = []
    for seed in range(20):
        with a_power_cut(10_000, random.Random(seed)) as disk:  # noqa: S311 - repeatable
            path = tmp_path / f"bodies-{seed}"
            descriptor = disk.files.create(path)
            disk.files.write(descriptor, b"x" * 5_000 + b"y" * 5_000, 0)
            if forgotten != "the file":
                disk.files.sync(descriptor)
            if forgotten != "the folder":
                disk.files.sync_folder(tmp_path)
            os.close(descriptor)
            disk.cut()
        left.append(disk.left.get(path.name))
    whole = [content == b"x" * 5_000 + b"y" * 5_000 for content in left]

    assert all(whole) == (forgotten == "nothing")
    assert any(content is None for content in left) == (forgotten == "the folder")
