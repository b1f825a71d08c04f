"""What may an option's value be? One kind a rule: from text or a TOML value to the typed value.

A kind raises `ValueError` with what is allowed; `read` puts the name and the source before it.
"""

import base64
import binascii
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from switchhook.settings.storage_accounts import parse_storage_account

_BOOLEANS = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}
_SIZES = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_SHORTEST_KEY = 32  # bytes: what SHA-256 can use
_SHORTEST_SECRET = 16  # characters: enough that nobody guesses it


@dataclass(frozen=True)
class Kind:
    """How a value is read, and how help and the reference name it.

    `parse` takes the text of a flag or variable, or whatever TOML holds. What is wrong in a secret
    is told without showing it.
    """

    placeholder: str
    parse: Callable[[object], object]
    is_many: bool = False
    is_secret: bool = False


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("a text that is not empty")
    return value.strip()


def _boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in _BOOLEANS:
        return _BOOLEANS[value.lower()]
    raise ValueError("true or false")


def _number(value: object, allowed: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError(allowed)
    try:
        number = float(value)
    except ValueError as error:
        raise ValueError(allowed) from error
    if not math.isfinite(number):
        raise ValueError(allowed)
    return number


def whole(low: int, high: int) -> Kind:
    """A whole number between two bounds, both allowed."""
    allowed = f"a whole number from {low} to {high}"

    def parse(value: object) -> int:
        number = _number(value, allowed)
        if number != int(number) or not low <= number <= high:
            raise ValueError(allowed)
        return int(number)

    return Kind("N", parse)


def span(unit: str, low: float, high: float) -> Kind:
    """A length of time in `unit`, between two bounds, both allowed."""
    allowed = f"a number of {unit} from {low:g} to {high:g}"

    def parse(value: object) -> float:
        number = _number(value, allowed)
        if not low <= number <= high:
            raise ValueError(allowed)
        return number

    return Kind(unit.upper(), parse)


def _size(value: object, *, may_be_nothing: bool = False) -> int:
    allowed = "a number of bytes of at least 1 MiB, such as 2147483648, 512 MiB or 2 GiB"
    allowed += ", or 0" if may_be_nothing else ""
    factor = 1
    if isinstance(value, str) and value.strip()[-3:] in _SIZES:
        factor = _SIZES[value.strip()[-3:]]
        value = value.strip()[:-3]
    number = int(_number(value, allowed) * factor)
    if number < 1 << 20 and not (may_be_nothing and number == 0):
        raise ValueError(allowed)
    return number


def _path(value: object) -> Path:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("a path")
    return Path(value).expanduser()


def _file(value: object) -> Path:
    path = _path(value)
    try:
        path.open("rb").close()
    except OSError as error:
        raise ValueError(f"a file that can be read ({error.strerror})") from error
    return path


def _public_url(value: object) -> str:
    allowed = "an origin such as https://switchhook:8443, without path or query"
    text = _text(value).rstrip("/")
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - reading it checks it
    except ValueError as error:
        raise ValueError(allowed) from error
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise ValueError(allowed)
    # A path would enter the host that clients sign (and JavaScript clients refuse one).
    if parts.path or parts.query or parts.fragment:
        raise ValueError(allowed)
    return text


def _http_url(value: object) -> str:
    allowed = "a URL such as http://localhost:4318"
    text = _text(value).rstrip("/")
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - reading it checks it
    except ValueError as error:
        raise ValueError(allowed) from error
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(allowed)
    return text


def _name(value: object) -> str:
    name = _text(value).lower().rstrip(".")
    if not name.isascii() or (set(name) & set("/:@ ,") and not _is_ipv6(name)):
        raise ValueError("a host name or an IP address, without port")
    return name


def _is_ipv6(name: str) -> bool:
    return name.count(":") > 1 and not set(name) - set("0123456789abcdef:.")


def _key(value: object) -> str:
    allowed = f"base64 of at least {_SHORTEST_KEY} bytes; `switchhook new-key` makes one"
    try:
        text = _text(value)
        decoded = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error) as error:
        raise ValueError(allowed) from error
    if len(decoded) < _SHORTEST_KEY:
        raise ValueError(allowed)
    return text


def _secret(value: object) -> str:
    allowed = f"a text of at least {_SHORTEST_SECRET} characters; `switchhook new-key` makes one"
    try:
        text = _text(value)
    except ValueError as error:
        raise ValueError(allowed) from error
    if len(text) < _SHORTEST_SECRET:
        raise ValueError(allowed)
    return text


def choice(*words: str) -> Kind:
    """One of a few words, or of the members of a `StrEnum`."""
    allowed = "one of: " + ", ".join(words)

    def parse(value: object) -> str:
        if not isinstance(value, str) or value not in words:
            raise ValueError(allowed)
        return words[words.index(value)]  # the member, where the words are members

    return Kind("|".join(words), parse)


def many(kind: Kind) -> Kind:
    """Any number of values: a repeated flag, a TOML array, or a variable with commas."""

    def parse(value: object) -> tuple[object, ...]:
        if isinstance(value, str):
            value = [each for each in value.split(",") if each.strip()]
        if not isinstance(value, list):
            raise ValueError("a list")
        return tuple(kind.parse(each) for each in value)

    return Kind(kind.placeholder, parse, is_many=True, is_secret=kind.is_secret)


TEXT = Kind("TEXT", _text)
BOOLEAN = Kind("", _boolean)
SIZE = Kind("BYTES", _size)
SIZE_OR_NOTHING = Kind("BYTES", partial(_size, may_be_nothing=True))
FOLDER = Kind("DIR", _path)
FILE = Kind("FILE", _file)
PUBLIC_URL = Kind("URL", _public_url)
HTTP_URL = Kind("URL", _http_url)
NAME = Kind("NAME", _name)
KEY = Kind("KEY", _key, is_secret=True)
SECRET = Kind("SECRET", _secret, is_secret=True)
STORAGE_ACCOUNT = Kind("NAME=CONNECTION_STRING", parse_storage_account, is_secret=True)
PORT = whole(0, 65_535)
