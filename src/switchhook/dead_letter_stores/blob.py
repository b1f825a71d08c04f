"""How are dead letters written to a storage account, or to Azurite?"""

import asyncio
from typing import TYPE_CHECKING

from switchhook.errors import StartError
from switchhook.grid.ports import DeadLetterAnswer
from switchhook.grid.subscriptions import DeadLetterDestination

if TYPE_CHECKING:
    from azure.storage.blob.aio import BlobServiceClient

# Old enough for every Azurite in use: it refuses versions that are newer than itself.
API_VERSION = "2021-12-02"

# For one attempt, the connection included; the step above repeats it after minutes.
WRITE_TIMEOUT = 30.0
CONNECT_TIMEOUT = 10.0

# A larger blob goes in blocks of this size, so that no write to a socket holds the loop up.
_PIECE = 1 << 20

DEVELOPMENT = "UseDevelopmentStorage=true"
# What that stands for: Azurite's account, with the key that everybody knows, at its usual address.
_DEVELOPMENT_STORAGE = (
    "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=Eby8vdM02xNOcqFlqUwJPLlm"
    "EtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;"
    "BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1;"
)

# What the service says of a container that is not there, and of names that none can have.
_NEVER = frozenset({"ContainerNotFound", "InvalidResourceName", "OutOfRangeInput"})


class BlobDeadLetterStore:
    """Implements `grid.ports.DeadLetterStore` for one storage account."""

    def __init__(self, account: str, connection_string: str) -> None:
        """`account` is for messages.

        Raises:
            StartError: the connection string is none, or the client library is not installed.
        """
        self._client = _open(account, connection_string)

    async def write(
        self, destination: DeadLetterDestination, name: str, body: bytes
    ) -> tuple[DeadLetterAnswer, str]:
        try:
            async with asyncio.timeout(WRITE_TIMEOUT):
                return DeadLetterAnswer.WRITTEN, await self._upload(destination, name, body)
        except TimeoutError:
            return DeadLetterAnswer.UNAVAILABLE, f"no answer within {WRITE_TIMEOUT:g} seconds"
        except Exception as error:  # noqa: BLE001  the port's promise, whatever the client raises
            return _judge(error)

    async def close(self) -> None:
        await self._client.close()

    async def _upload(self, destination: DeadLetterDestination, name: str, body: bytes) -> str:
        from azure.storage.blob import ContentSettings  # late: optional

        blob = self._client.get_blob_client(destination.container, name)
        settings = ContentSettings(content_type="application/json")
        await blob.upload_blob(body, overwrite=True, content_settings=settings)
        return name


def _open(account: str, connection_string: str) -> "BlobServiceClient":
    try:
        from azure.storage.blob.aio import BlobServiceClient  # late: optional
    except ImportError as error:
        raise StartError(
            f"the storage account '{account}' needs a client library that is not installed: "
            "pip install 'switchhook[blob]'"
        ) from error
    text = _DEVELOPMENT_STORAGE if _is_development(connection_string) else connection_string
    try:
        return BlobServiceClient.from_connection_string(
            text,
            api_version=API_VERSION,
            retry_total=0,
            connection_timeout=CONNECT_TIMEOUT,
            read_timeout=WRITE_TIMEOUT,
            max_single_put_size=_PIECE,
            max_block_size=_PIECE,
        )
    except ValueError:
        # Without its cause, which may quote the secret.
        raise StartError(
            f"the connection string of the storage account '{account}' cannot be read: it needs "
            f"AccountName and AccountKey, or BlobEndpoint and SharedAccessSignature, or to be "
            f"{DEVELOPMENT}"
        ) from None


def _is_development(connection_string: str) -> bool:
    return connection_string.strip().rstrip(";").lower() == DEVELOPMENT.lower()


def _judge(error: Exception) -> tuple[DeadLetterAnswer, str]:
    code = getattr(error, "error_code", None)  # a text, or a member of an enumeration
    if not code:
        return DeadLetterAnswer.UNAVAILABLE, f"{type(error).__name__}: {_first_line(error)}"
    text = str(getattr(code, "value", code))
    return DeadLetterAnswer.NO_CONTAINER if text in _NEVER else DeadLetterAnswer.UNAVAILABLE, text


def _first_line(error: Exception) -> str:
    """Only that: further lines of the service's answers quote signatures."""
    return str(error).strip().partition("\n")[0][:200]
