"""Which resources does a `$filter` select? OData on the property `name` only."""

import re
from collections.abc import Callable

from switchhook.errors import RequestError

Predicate = Callable[[str], bool]

_MAX_LENGTH = 2048
_MAX_DEPTH = 16
_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<word>[A-Za-z_][\w/.]*)|(?P<mark>[(),]))", re.ASCII
)


def parse_filter(text: str) -> Predicate:
    """The predicate on a resource's name; comparisons do not care about case.

    Raises:
        RequestError: it is not of the form `contains(name,'x')`, `name eq 'x'` or `name ne 'x'`,
            combined by `and`, `or`, `not` and parentheses.
    """
    if len(text) > _MAX_LENGTH:
        raise _invalid(text[:80])
    parser = _Parser(text)
    predicate = parser.any_of(0)
    if parser.peek():
        raise _invalid(text)
    return predicate


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._split()
        self._at = 0

    def peek(self) -> str:
        token = self._tokens[self._at] if self._at < len(self._tokens) else ""
        return token if token.startswith("'") else token.lower()

    def any_of(self, depth: int) -> Predicate:
        left = self._all_of(depth)
        while self._take_if("or"):
            left = _either(left, self._all_of(depth))
        return left

    def _all_of(self, depth: int) -> Predicate:
        left = self._term(depth)
        while self._take_if("and"):
            left = _both(left, self._term(depth))
        return left

    def _term(self, depth: int) -> Predicate:
        if depth > _MAX_DEPTH:
            raise _invalid(self._text)
        if self._take_if("not"):
            return _not(self._term(depth + 1))
        if self._take_if("("):
            inner = self.any_of(depth + 1)
            self._take(")")
            return inner
        if self._take_if("contains"):
            self._take("(")
            self._take("name")
            self._take(",")
            wanted = self._text_value()
            self._take(")")
            return lambda name: wanted in name.lower()
        self._take("name")
        return self._comparison()

    def _comparison(self) -> Predicate:
        operator = self.peek()
        if operator not in ("eq", "ne"):
            raise _invalid(self._text)
        self._at += 1
        wanted = self._text_value()
        return lambda name: (name.lower() == wanted) == (operator == "eq")

    def _text_value(self) -> str:
        token = self.peek()
        if not token.startswith("'"):
            raise _invalid(self._text)
        self._at += 1
        return token[1:-1].replace("''", "'").lower()

    def _take_if(self, token: str) -> bool:
        found = self.peek() == token
        self._at += found
        return found

    def _take(self, token: str) -> None:
        if not self._take_if(token):
            raise _invalid(self._text)

    def _split(self) -> list[str]:
        tokens, at, text = [], 0, self._text.rstrip()
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                raise _invalid(self._text)
            tokens.append(match.group(match.lastgroup or 0))
            at = match.end()
        return tokens


def _either(left: Predicate, right: Predicate) -> Predicate:
    return lambda name: left(name) or right(name)


def _both(left: Predicate, right: Predicate) -> Predicate:
    return lambda name: left(name) and right(name)


def _not(inner: Predicate) -> Predicate:
    return lambda name: not inner(name)


def _invalid(text: str) -> RequestError:
    return RequestError(
        400, "InvalidRequest", f"The value of '$filter' is not supported: '{text}'."
    )
