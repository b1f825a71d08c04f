"""How does a measurement that hangs, or holds much memory, spare those after it?

By a process of its own, which is interrupted when its time is over.
"""

import contextlib
import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import cast

from bench.model import Result

_FORK = multiprocessing.get_context("fork")
# Who is interrupted ends servers and removes folders.
_CLEANING_SECONDS = 30

Measure = Callable[[], list[Result]]


def within(seconds: float, measure: Measure) -> list[Result]:
    """The results, or the exception that came instead.

    Raises:
        TimeoutError: there are none after so many seconds.
    """
    receiving, sending = _FORK.Pipe(duplex=False)
    child = _FORK.Process(target=_tell, args=(sending, measure))
    child.start()
    assert child.pid is not None  # noqa: S101  it has started
    sending.close()
    try:
        found = _answer(receiving, seconds)
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGINT)
        raise
    finally:
        child.join(_CLEANING_SECONDS)
        child.kill()
        child.join()
    if isinstance(found, Exception):
        raise found
    return found


def _answer(receiving: Connection, seconds: float) -> list[Result] | Exception:
    if not receiving.poll(seconds):
        raise TimeoutError(f"it has not ended in {seconds:.0f} s")
    try:
        return cast(list[Result] | Exception, receiving.recv())
    except EOFError as error:
        raise RuntimeError("its process has died") from error


def _tell(sending: Connection, measure: Measure) -> None:
    try:
        sending.send(measure())
    except Exception as problem:  # noqa: BLE001  raised again by the other process
        traceback.print_exc()
        sending.send(problem)
