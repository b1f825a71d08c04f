"""`switchhook endpoints --wait`: a server that is just being started."""

from pathlib import Path

import pytest

from switchhook.cli.endpoints import load_within
from switchhook.cli.main import main
from switchhook.cli.spans import to_seconds
from switchhook.endpoints import save
from switchhook.errors import ConnectError, StartError
from tests.rules.test_endpoints import some_endpoints


class Watch:
    """Time that passes while somebody sleeps; a server is ready after so many seconds."""

    def __init__(self, folder: Path, ready_at: float = 1000) -> None:
        self.now = 0.0
        self._folder = folder
        self._ready_at = ready_at

    def monotonic(self) -> float:
        """See `time.monotonic`."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """See `time.sleep`."""
        self.now += seconds
        if self.now >= self._ready_at:
            self._folder.mkdir(exist_ok=True)
            save(self._folder, some_endpoints())


def test_server_is_awaited(tmp_path: Path) -> None:
    """Its data folder need not be there yet; nobody waits longer than needed."""
    folder = tmp_path / "data"
    watch = Watch(folder, ready_at=5)

    found = load_within(folder, 30, monotonic=watch.monotonic, sleep=watch.sleep)

    assert found == some_endpoints()
    assert watch.now == pytest.approx(5, abs=0.2)


@pytest.mark.parametrize("seconds", [0, 2])
def test_waiting_has_an_end(tmp_path: Path, seconds: float) -> None:
    """Then it is as without waiting: no server runs."""
    watch = Watch(tmp_path)

    with pytest.raises(ConnectError, match="no server runs"):
        load_within(tmp_path, seconds, monotonic=watch.monotonic, sleep=watch.sleep)
    assert watch.now == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("2m", 120), ("1h1.5s", 3601.5), ("1d", 86400)]
)
def test_spans_in_seconds(text: str, seconds: float) -> None:
    """As other options take them."""
    assert to_seconds(text, "--wait") == seconds


@pytest.mark.parametrize("text", ["", "30", "soon", "-1s", "PT30S"])
def test_other_spans_are_refused(text: str) -> None:
    """With what is allowed."""
    with pytest.raises(StartError, match="--wait must be a span of time such as 30s or 2m"):
        to_seconds(text, "--wait")


def test_wait_without_a_span(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A server that is ready is found at once."""
    save(tmp_path, some_endpoints())

    assert main(["endpoints", "--data", str(tmp_path), "--wait", "--json"]) == 0
    assert "dev-topic" in capsys.readouterr().out
