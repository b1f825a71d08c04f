"""Does a measurement that goes wrong stay alone with that?"""

import os
import signal
import threading
from pathlib import Path

import pytest

from bench.model import Result, WrongDeliveryError
from bench.within import within
from tests.bench.builders import a_result


def test_results_come_from_another_process() -> None:
    """What it held is given back."""
    here = os.getpid()

    def measure() -> list[Result]:
        assert os.getpid() != here
        return [a_result()]

    assert within(60, measure) == [a_result()]


def test_what_is_raised_is_raised() -> None:
    """As if there were no other process."""

    def measure() -> list[Result]:
        raise WrongDeliveryError("lost")

    with pytest.raises(WrongDeliveryError, match="lost"):
        within(60, measure)


def test_measurement_that_hangs_is_interrupted(tmp_path: Path) -> None:
    """It has the time to clean up."""

    def measure() -> list[Result]:
        try:
            threading.Event().wait()
        finally:
            (tmp_path / "cleaned").touch()
        return []

    with pytest.raises(TimeoutError, match="has not ended in 0 s"):
        within(0.3, measure)
    assert (tmp_path / "cleaned").exists()


def test_process_that_dies_is_told() -> None:
    """By a signal, say, when memory is short."""

    def measure() -> list[Result]:
        os.kill(os.getpid(), signal.SIGKILL)
        return []

    with pytest.raises(RuntimeError, match="has died"):
        within(60, measure)
