"""What can go wrong, as one tree.

SwitchhookError
├── RequestError            a request broke a rule: status, code and message as Azure words them
├── StartError              the server cannot start: names the option or file and the remedy
├── ConflictError           a condition of a commit did not hold; nothing of that commit was applied
├── StoreError              the store cannot take a write
│   ├── StoreFullError      the size cap or the disk is full; nothing of the commit was applied
│   └── CommitUnknownError  the store failed in mid-commit; whether it became durable is not known
├── TokenError              a token was not accepted: says which rule it breaks
└── ConnectError            the command line cannot reach a server

Exceptions are for broken promises; expected outcomes (a webhook answering 503) are values.
"""

from enum import StrEnum


class SwitchhookError(Exception):
    """The root of every error that this package raises on purpose."""


class RequestError(SwitchhookError):
    """A request broke a rule; the edge renders it as Azure's error body.

    `status` is the HTTP status, `code` the text of `error.code`, `details_code` that of
    `error.details[0].code` where the API has one, `challenge` the header `WWW-Authenticate`,
    `target` that of `error.target`: the member of the request that is wrong,
    `retry_after` the header `Retry-After` in seconds: with it clients repeat the request.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        details_code: str | None = None,
        challenge: str = "",
        target: str = "",
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details_code = details_code
        self.challenge = challenge
        self.target = target
        self.retry_after = retry_after


class TokenFlaw(StrEnum):
    """What is wrong with a token."""

    UNREADABLE = "unreadable"
    SIGNATURE = "signature"
    EXPIRED = "expired"
    NOT_YET_VALID = "not yet valid"
    ISSUER = "issuer"
    APPLICATION = "application"
    AUDIENCE = "audience"


class TokenError(SwitchhookError):
    """A token was not accepted; `found` is what it has where `flaw` names a claim."""

    def __init__(self, flaw: TokenFlaw, found: str = "") -> None:
        super().__init__(flaw)
        self.flaw = flaw
        self.found = found


class StartError(SwitchhookError):
    """The server cannot start as it was asked to."""


class ConflictError(SwitchhookError):
    """A record was not at the revision that the commit expected."""


class StoreError(SwitchhookError):
    """The store cannot take a write now."""


class StoreFullError(StoreError):
    """The size cap or the disk is full; nothing was written."""


class CommitUnknownError(StoreError):
    """The store failed in mid-commit; the outcome is not known."""


class ConnectError(SwitchhookError):
    """No server answers at the address that the command was given."""
