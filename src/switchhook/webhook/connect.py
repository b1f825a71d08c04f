"""How does a connection to an endpoint come about?"""

import asyncio
import os
import socket
import ssl
from collections.abc import Awaitable, Callable
from time import monotonic_ns

import msgspec

from switchhook.clock import SECOND
from switchhook.grid.ports import Failure
from switchhook.webhook.addresses import AddressRules, Endpoint, is_ip_literal
from switchhook.webhook.connection import Connection
from switchhook.webhook.trust import CA_OPTION

KEEP_ADDRESSES = 10 * SECOND

Resolve = Callable[[str, int], Awaitable[list[str]]]


class Unreachable(msgspec.Struct, frozen=True):
    """No connection came about."""

    failure: Failure
    detail: str


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host as the machine knows them, the preferred one first.

    Raises:
        OSError: there is no such host, or nobody can tell.
        UnicodeError: it cannot be the name of a host.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Connector:
    """Opens connections to one endpoint; `context` is called when the first one needs TLS."""

    def __init__(
        self,
        endpoint: Endpoint,
        rules: AddressRules,
        context: Callable[[], ssl.SSLContext],
        resolve: Resolve = resolve,
    ) -> None:
        self._endpoint = endpoint
        self._rules = rules
        self._context = context
        self._resolve = resolve
        self._lookup: asyncio.Task[list[str] | Unreachable] | None = None
        self._looked_up = 0

    @property
    def is_looking_up(self) -> bool:
        """Whether a question for addresses is on its way; it cannot be called back."""
        return self._lookup is not None and not self._lookup.done()

    async def connect(
        self, factory: Callable[[], Connection], patience: float
    ) -> Connection | Unreachable:
        """Try the allowed addresses in turn, each for its share of `patience` seconds."""
        addresses = await self._addresses()
        if isinstance(addresses, Unreachable):
            return addresses
        refusals = {a: self._rules.refusal(self._endpoint, a) for a in addresses}
        allowed = [address for address, refusal in refusals.items() if refusal is None]
        if not allowed:
            return Unreachable(Failure.ABORTED, next(iter(refusals.values())) or "")
        failures = []
        for address in allowed:
            outcome = await self._open(address, factory, patience / len(allowed))
            if isinstance(outcome, Connection):
                return outcome
            failures.append(outcome)
        return Unreachable(failures[-1].failure, "; ".join(f.detail for f in failures))

    def close(self) -> None:
        """Stop looking up addresses."""
        if self._lookup is not None:
            self._lookup.cancel()

    async def _open(
        self, address: str, factory: Callable[[], Connection], patience: float
    ) -> Connection | Unreachable:
        endpoint = self._endpoint
        where = str(endpoint) if address == endpoint.host else f"{endpoint} ({address})"
        try:
            async with asyncio.timeout(patience):
                _, connection = await asyncio.get_running_loop().create_connection(
                    factory,
                    address,
                    endpoint.port,
                    ssl=self._context() if endpoint.is_tls else None,
                    server_hostname=endpoint.host if endpoint.is_tls else None,
                )
                return connection
        except TimeoutError:
            return Unreachable(Failure.TIMED_OUT, f"{where}: no connection in {patience:g} s")
        except OSError as error:
            return Unreachable(Failure.SOCKET_ERROR, f"{where}: {_describe(error)}")

    async def _addresses(self) -> list[str] | Unreachable:
        """The addresses of the host; many connections opened at once share one question."""
        if is_ip_literal(self._endpoint.host):
            return [self._endpoint.host]
        now = monotonic_ns()
        if self._lookup is None or (
            self._lookup.done()
            and (now - self._looked_up > KEEP_ADDRESSES or _failed(self._lookup))
        ):
            self._looked_up = now
            self._lookup = asyncio.create_task(self._look_up())
        return await asyncio.shield(self._lookup)

    async def _look_up(self) -> list[str] | Unreachable:
        endpoint = self._endpoint
        try:
            return await self._resolve(endpoint.host, endpoint.port)
        except (OSError, UnicodeError) as error:
            # Behind a proxy names of the outside often do not resolve: say what the matter is.
            refusal = self._rules.proxies.refusal(endpoint.scheme, endpoint.host, endpoint.port)
            if refusal is not None:
                return Unreachable(Failure.ABORTED, refusal)
            return Unreachable(
                Failure.RESOLUTION_ERROR, f"no address found for {endpoint.host}: {error}"
            )


def _failed(lookup: "asyncio.Task[list[str] | Unreachable]") -> bool:
    return lookup.cancelled() or isinstance(lookup.result(), Unreachable)


def _describe(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"its certificate is not trusted: {error.verify_message}; "
            f"{CA_OPTION} FILE adds an authority"
        )
    if isinstance(error, ssl.SSLError):
        return f"the TLS handshake failed: {error.reason or error}"
    if isinstance(error, ConnectionAbortedError | ConnectionResetError) or not error.errno:
        return f"the connection was closed while it was opened ({error})"
    return os.strerror(error.errno).lower()
