"""What opens the management routes? A secret in the data folder, for whoever may read that."""

import os
import secrets
from pathlib import Path

from switchhook.errors import StartError

TOKEN_FILE = "management-token"  # noqa: S105 - the name of a file


def load_or_create_token(folder: Path) -> str:
    """The token of the data folder, readable by its owner only; made at the first start.

    Raises:
        StartError: the file cannot be read or written, or is empty.
    """
    path = folder / TOKEN_FILE
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return read_token(folder)
    except OSError as error:
        raise StartError(f"cannot write the management token {path}: {error}") from error
    token = secrets.token_urlsafe(32)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(token)
    return token


def read_token(folder: Path) -> str:
    """The token of the data folder.

    Raises:
        StartError: there is none that can be read.
    """
    path = folder / TOKEN_FILE
    try:
        token = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StartError(f"cannot read the management token {path}: {error}") from error
    if not token:
        raise StartError(f"the management token {path} is empty: delete the file and start again")
    return token
