"""Storage accounts: how they are given, what is refused, and that no refusal shows a secret."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from switchhook.dead_letter_stores.accounts import open_dead_letter_store
from switchhook.errors import StartError
from switchhook.grid.ports import DeadLetterAnswer
from switchhook.grid.subscriptions import DeadLetterDestination
from switchhook.settings import StorageAccount, read_settings

SECRET = "c2VjcmV0" * 8
OPENS = f"AccountName=acc;AccountKey={SECRET}"
ARM_ID = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/Acc"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        (f"acc={OPENS}", (StorageAccount("acc", OPENS),)),
        (f"{ARM_ID}={OPENS}", (StorageAccount(ARM_ID, OPENS),)),
        (
            f"acc={OPENS}, other=UseDevelopmentStorage=true",
            (StorageAccount("acc", OPENS), StorageAccount("other", "UseDevelopmentStorage=true")),
        ),
    ],
)
def test_accounts_of_a_variable(
    tmp_path: Path, text: str, expected: tuple[StorageAccount, ...]
) -> None:
    """The first equals sign ends the name; connection strings are full of others."""
    settings = read_settings({}, {"SWITCHHOOK_STORAGE_ACCOUNTS": text}, tmp_path)

    assert settings.storage_accounts == expected


@pytest.mark.parametrize(("key", "name"), [("name", "acc"), ("id", ARM_ID)])
def test_accounts_of_a_file(tmp_path: Path, key: str, name: str) -> None:
    """Each is a table."""
    (tmp_path / "switchhook.toml").write_text(
        f'[[storage_accounts]]\n{key} = "{name}"\nconnection_string = "{OPENS}"\n'
    )

    assert read_settings({}, {}, tmp_path).storage_accounts == (StorageAccount(name, OPENS),)


@pytest.mark.parametrize(
    "content",
    [
        f"storage_accounts = ['{OPENS[:3]}']",
        f"storage_accounts = ['a={OPENS}']",
        f"storage_accounts = ['../acc={OPENS}']",
        "storage_accounts = ['acc=']",
        "storage_accounts = [1]",
        f"[[storage_accounts]]\nconnection_string = '{OPENS}'",
        "[[storage_accounts]]\nname = 'acc'",
        f"[[storage_accounts]]\nname = 1\nconnection_string = '{OPENS}'",
        "[[storage_accounts]]\nname = 'acc'\nconnection_string = 1",
        f"[[storage_accounts]]\nname = 'acc'\nid = '{ARM_ID}'\nconnection_string = '{OPENS}'",
        f"[[storage_accounts]]\nname = 'acc'\nkey = 'k'\nconnection_string = '{OPENS}'",
    ],
)
def test_wrong_account_is_refused(tmp_path: Path, content: str) -> None:
    """The refusal says what is allowed, and not what was given."""
    (tmp_path / "switchhook.toml").write_text(content)

    with pytest.raises(StartError) as caught:
        read_settings({}, {}, tmp_path)

    assert "NAME=CONNECTION_STRING" in str(caught.value)
    assert SECRET not in str(caught.value)


def test_secret_is_not_in_the_text_of_settings(tmp_path: Path) -> None:
    """Whoever prints settings prints no connection string."""
    settings = read_settings({}, {"SWITCHHOOK_STORAGE_ACCOUNTS": f"acc={OPENS}"}, tmp_path)

    assert SECRET not in repr(settings)


@pytest.mark.parametrize(
    "connection_string", ["nonsense", "AccountKey=" + SECRET, SECRET, "UseDevelopmentStorage=false"]
)
def test_connection_string_that_opens_nothing_is_refused(
    tmp_path: Path, connection_string: str
) -> None:
    """At the start, by the account's name and without the secret."""
    with pytest.raises(StartError) as caught:
        open_dead_letter_store(tmp_path, [StorageAccount("acc", connection_string)])

    assert "'acc'" in str(caught.value)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_account_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    """Also when one is spelled as an ARM id."""
    accounts = [StorageAccount("acc", OPENS), StorageAccount(ARM_ID, OPENS)]

    with pytest.raises(StartError, match="'acc' twice"):
        open_dead_letter_store(tmp_path, accounts)


async def test_development_storage_is_known(tmp_path: Path) -> None:
    """Whatever version the client library has; what is below it is the contract suite's."""
    store = open_dead_letter_store(
        tmp_path,
        [
            StorageAccount("one", "UseDevelopmentStorage=true"),
            StorageAccount("two", "usedevelopmentstorage=true;"),
        ],
    )

    await store.close()


async def test_account_that_nobody_configured_is_a_folder(tmp_path: Path) -> None:
    """Others are none of its business."""
    store = open_dead_letter_store(tmp_path, [StorageAccount("acc", OPENS)])
    destination = DeadLetterDestination(resource_id="/storageAccounts/Other", container="c")

    answer, _ = await store.write(destination, "HOOK/x.json", b"[]")
    await store.close()

    assert answer is DeadLetterAnswer.WRITTEN
    written = await asyncio.to_thread((tmp_path / "other/c/HOOK/x.json").read_bytes)
    assert written == b"[]"


def test_account_without_the_client_library_is_refused() -> None:
    """The message says how it is installed; without accounts nobody misses it."""
    script = (
        "import sys; sys.modules['azure.storage.blob.aio'] = None\n"
        "from pathlib import Path\n"
        "from switchhook.dead_letter_stores.accounts import open_dead_letter_store\n"
        "from switchhook.settings import StorageAccount\n"
        "open_dead_letter_store(Path('.'), [])\n"
        "assert 'azure.storage.blob' not in sys.modules\n"
        "open_dead_letter_store(Path('.'), [StorageAccount('acc', 'secret')])\n"
    )

    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)

    assert ended.returncode != 0
    assert ended.stderr.rstrip().splitlines()[-1] == (
        "switchhook.errors.StartError: the storage account 'acc' needs a client library that is "
        "not installed: pip install 'switchhook[blob]'"
    )
