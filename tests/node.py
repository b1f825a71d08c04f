"""Where is Node, for the tests that drive JavaScript clients?"""

import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CLIENTS = ROOT / "tests/compat/js/node_modules"


def node() -> str:
    """The path of Node; without it the test skips on a laptop and fails where CI is set."""
    path = os.pathsep.join([os.environ.get("PATH", ""), str(ROOT / ".venv/bin")])
    found = shutil.which("node", path=path)
    if not found:
        go_without("Node 20 or newer is not installed: `make test` installs it")
    return str(found)


def node_with_clients() -> str:
    """The same, where the official clients are installed in tests/compat/js too."""
    found = node()
    if not CLIENTS.is_dir():
        go_without("the JavaScript clients are not installed: `make test` installs them")
    return found


def go_without(reason: str) -> None:
    """Skip on a laptop, fail where CI is set: nothing drops out of the build unseen."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
