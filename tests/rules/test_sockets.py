"""Addresses that cannot be had are named, with the option."""

import socket

import pytest

from switchhook.errors import StartError
from switchhook.sockets import bind


def test_free_port_is_taken() -> None:
    """Port 0 asks the system for one."""
    with bind("127.0.0.1", 0, "--http-port") as bound:
        assert bound.getsockname()[1] > 0


def test_port_in_use_is_named_with_its_option() -> None:
    """Whoever reads it knows what to change."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(StartError, match=f"port {port} of 127.0.0.1 is in use.*--http-port"):
            bind("127.0.0.1", port, "--http-port")


@pytest.mark.parametrize("host", ["192.0.2.1", "name.invalid"])
def test_foreign_address_is_named(host: str) -> None:
    """An address of no interface, or a name that does not resolve."""
    with pytest.raises(StartError, match=f"--host {host} is no address of this machine"):
        bind(host, 0, "--http-port")
