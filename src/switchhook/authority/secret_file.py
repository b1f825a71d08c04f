"""How is a secret kept in the data folder? Made once, whole or not at all, for its owner only."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from switchhook.errors import StartError

KEY_FILE = "authority-key.pem"


def load_or_create(path: Path, make: Callable[[], bytes]) -> bytes:
    """The content of the file; what `make` answers, when there was none.

    Raises:
        StartError: it cannot be read or written, or is empty.
    """
    content = read(path)
    return _create(path, make()) if content is None else content


def read(path: Path) -> bytes | None:
    """The content of the file; None when there is none.

    Raises:
        StartError: it cannot be read, or is empty.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StartError(f"cannot read the secret {path}: {error}") from error
    if not content.strip():
        raise StartError(f"the secret {path} is empty: delete the file and start again")
    return content


def _create(path: Path, content: bytes) -> bytes:
    # mkstemp makes files for their owner only. The name appears once everything is on the disk, so
    # that a crash leaves no half of a key behind.
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except OSError as error:
        raise StartError(f"cannot write the secret {path}: {error}") from error
    return content
