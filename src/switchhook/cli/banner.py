"""What do people see when a server is ready?"""

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TextIO

from switchhook import __version__
from switchhook.endpoints import Endpoints
from switchhook.settings import Settings

# What each family of clients reads: requests, so Azure's synchronous Python clients; Python's ssl,
# so its asynchronous ones; Node.
TRUST_VARIABLES = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS")

CALLER = "+15555550199"  # a number of fiction, in the example

SHOWN_OTHERS = 5  # resources besides the default one

_BOLD = "\x1b[1m"
_DIM = "\x1b[2m"
_PLAIN = "\x1b[0m"


def render(endpoints: Endpoints, data: Path, *, is_colored: bool = False) -> str:
    """Endpoints, keys, the lines to paste and what to try next."""
    lines = [*_lines(endpoints, data), ""]
    if not is_colored:
        lines = [line.replace(_BOLD, "").replace(_DIM, "").replace(_PLAIN, "") for line in lines]
    return "\n".join(lines)


def render_trust_exports(endpoints: Endpoints) -> str:
    """Lines for a shell: what lets its programs trust the server, and changes nothing else."""
    return _exports(dict.fromkeys(TRUST_VARIABLES, endpoints.ca_bundle))


def render_azure_exports(endpoints: Endpoints) -> str:
    """Lines for a shell: trust, and what makes the server the Azure of all its programs."""
    variables = dict.fromkeys(TRUST_VARIABLES, endpoints.ca_bundle) | {
        "COMMUNICATION_CONNECTION_STRING": endpoints.communication.connection_string,
        "EVENTGRID_TOPIC_ENDPOINT": endpoints.topic.endpoint,
        "EVENTGRID_TOPIC_KEY": endpoints.topic.key,
        "AZURE_AUTHORITY_HOST": endpoints.authority.authority_host,
        "AZURE_TENANT_ID": endpoints.authority.tenant_id,
        "AZURE_CLIENT_ID": endpoints.authority.client_id,
        "AZURE_CLIENT_SECRET": endpoints.authority.client_secret,
    }
    return _exports(variables)


def _exports(variables: Mapping[str, str]) -> str:
    return "\n".join(f"export {name}={shlex.quote(text)}" for name, text in variables.items())


def wants_color(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Whether a stream is a terminal whose user has not asked for plain text (no-color.org)."""
    if environment.get("NO_COLOR") or environment.get("TERM") == "dumb":
        return False
    return stream.isatty()


def _lines(endpoints: Endpoints, data: Path) -> Iterator[str]:
    communication, topic = endpoints.communication, endpoints.topic
    yield f"{_BOLD}Switchhook {__version__} is ready{_PLAIN}"
    yield from _table(
        {
            "HTTPS": endpoints.https_endpoint,
            "HTTP": endpoints.http_endpoint,
            "data": str(data),
            "trust": endpoints.ca_bundle,
        }
    )
    yield ""
    yield f"{_BOLD}Communication Services{_PLAIN}  {communication.name}"
    yield from _table(
        {
            "connection": communication.connection_string,
            "numbers": "  ".join(communication.numbers),
            "resource": communication.resource_id,
        }
    )
    yield from _others(endpoints)
    yield ""
    yield f"{_BOLD}Event Grid topic{_PLAIN}  {topic.name}"
    yield from _table({"endpoint": topic.endpoint, "key": topic.key, "resource": topic.resource_id})
    yield ""
    yield f"{_BOLD}Clients over HTTPS{_PLAIN}  {_DIM}paste into their shell{_PLAIN}"
    bundle = shlex.quote(endpoints.ca_bundle)
    yield from (f"  export {variable}={bundle}" for variable in TRUST_VARIABLES)
    yield ""
    yield f"{_BOLD}Try next{_PLAIN}  {_DIM}in another terminal{_PLAIN}"
    folder = "" if data == Settings().data else f" --data {shlex.quote(str(data))}"
    yield f"  switchhook listen{folder}"
    if communication.numbers:
        number = communication.numbers[0]
        yield f"  switchhook sms receive{folder} --from {CALLER} --to {number} 'hello'"
    yield f"  switchhook endpoints{folder}"
    yield ""
    yield f"{_DIM}Ctrl-C stops it.{_PLAIN}"


def _others(endpoints: Endpoints) -> Iterator[str]:
    others = endpoints.communications
    for each in others[:SHOWN_OTHERS]:
        yield f"{_BOLD}Communication Services{_PLAIN}  {each.name}"
        yield from _table({"connection": each.connection_string})
    if len(others) > SHOWN_OTHERS:
        yield f"  and {len(others) - SHOWN_OTHERS} more: switchhook communication list"


def _table(rows: Mapping[str, str]) -> Iterator[str]:
    width = max(map(len, rows))
    return (f"  {_DIM}{name:<{width}}{_PLAIN}  {value}" for name, value in rows.items())
