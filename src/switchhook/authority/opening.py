"""How does an authority open without waiting for what most servers never use?"""

import functools
from collections.abc import Callable
from pathlib import Path

from switchhook.authority.authority import Signing
from switchhook.authority.secret_file import KEY_FILE, read
from switchhook.errors import StartError

_BEGINNING = b"-----BEGIN "


def open_signing(folder: Path) -> Callable[[], Signing]:
    """What signs with the key of the data folder; a new key is made when the first token is.

    Making a key takes longer than anything else at a start, and so does the import of what it
    takes; most servers never sign a token.

    Raises:
        StartError: the file cannot be read, or holds no key.
    """
    content = read(folder / KEY_FILE)
    if content is not None and not content.lstrip().startswith(_BEGINNING):
        raise StartError(f"{folder / KEY_FILE} holds no key: delete the file and start again")

    @functools.cache
    def signing() -> Signing:
        from switchhook.authority.signer import Signer  # late: see above
        from switchhook.authority.signing_key import load_or_create_key

        return Signer(load_or_create_key(folder))

    return signing
