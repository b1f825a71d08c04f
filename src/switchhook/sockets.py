"""Which address does a listener get, and what is said when it cannot have it?"""

import errno
import socket

from switchhook.errors import StartError


def bind(host: str, port: int, flag: str) -> socket.socket:
    """A bound, not yet listening socket; port 0 takes a free one. `flag` is the port's option.

    Raises:
        StartError: the address is in use, not this machine's, or not allowed.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
    except OSError as error:
        raise StartError(f"--host {host} is no address of this machine: {error}") from error
    try:
        # A port that an ended server had is free at once.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as error:
        bound.close()
        raise StartError(_refusal(host, port, flag, error)) from error
    return bound


def loopback_twin(listener: socket.socket) -> socket.socket | None:
    """The same port of the other loopback address: `localhost` may mean either.

    None when the listener is not on loopback, or when that address or port cannot be had.
    """
    host, port = listener.getsockname()[:2]
    other = {"127.0.0.1": "::1", "::1": "127.0.0.1"}.get(host)
    if other is None:
        return None
    try:
        return bind(other, port, "")
    except StartError:
        return None


def _refusal(host: str, port: int, flag: str, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} of {host} is in use: stop what uses it, or give another with {flag}"
    if error.errno == errno.EACCES:
        return f"this user may not listen on port {port}: give one above 1023 with {flag}"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"--host {host} is no address of this machine"
    return f"port {port} of {host} cannot be listened on: {error.strerror} (see {flag})"
